/**
 * Operations on the clip and on time. See operations.js for what holds for all.
 *
 * @import { Document, DocumentObject, Keyframe } from "../model/types.js"
 */

import { choice, number, whole } from "../model/checks.js";
import { reverseEase } from "../model/easing.js";
import { changeObjects, sameBox, withKeyframes } from "./edit.js";
import { MAX_FPS, MAX_FRAMES, MAX_SIDE, MIN_SIDE } from "../model/limits.js";
import { retime, trim } from "./retime.js";

/**
 * Another length of the clip: "retime" stretches the motion over it, "trim" keeps the speed and cuts, or holds the end.
 * @param {Document} document
 * @param {{frames: number, fit: "retime" | "trim"}} args 1 to 1025 frames
 * @returns {Document}
 */
export function setFrames(document, { frames, fit }) {
  const how = choice(fit, "fit", ["retime", "trim"]);
  const count = whole(frames, "frames", 1, MAX_FRAMES, "length of the clip");
  if (count === document.frames) return document;
  return how === "retime" ? retime(document, count) : trim(document, count);
}

/**
 * Another size of the frame. Boxes are fractions of it, so they stretch along.
 * @param {Document} document
 * @param {{width: number, height: number}} args pixels, 32 to 4096
 * @returns {Document}
 */
export function setSize(document, { width, height }) {
  const w = whole(width, "size[0]", MIN_SIDE, MAX_SIDE, "width in pixels");
  const h = whole(height, "size[1]", MIN_SIDE, MAX_SIDE, "height in pixels");
  return w === document.size[0] && h === document.size[1] ? document : { ...document, size: [w, h] };
}

/**
 * @param {Document} document
 * @param {{fps: number}} args above 0, at most 240
 * @returns {Document}
 */
export function setFps(document, { fps }) {
  const clean = number(fps, "fps", 0, MAX_FPS, "frames per second", true);
  return clean === document.fps ? document : { ...document, fps: clean };
}

/**
 * Run the motion of objects backwards: frame f shows what frame frames - 1 - f showed, hidden frames too. Eases are
 * mirrored. The mirror of "hold" (jump, then stay) takes one more keyframe; beside it a smooth path bends differently.
 * @param {Document} document
 * @param {{ids: readonly string[]}} args
 * @returns {Document}
 */
export function reverse(document, { ids }) {
  const last = document.frames - 1;
  return changeObjects(document, ids, (object) => ({
    ...withKeyframes(object, reversed(object, last)),
    hidden: object.hidden.map(([a, b]) => /** @type {const} */ ([last - b, last - a])).reverse(),
  }));
}

/**
 * @param {DocumentObject} object
 * @param {number} last the clip's last frame
 * @returns {readonly Keyframe[]}
 */
function reversed({ keyframes }, last) {
  /** @type {Keyframe[]} */
  const found = [];
  for (let k = keyframes.length - 1; k >= 0; k -= 1) {
    const key = keyframes[k];
    // The segment that starts here in the mirror is the one that ended here. The last ease has no segment, but is kept.
    const before = keyframes[k - 1];
    const { ease } = before ?? keyframes[keyframes.length - 1];
    found.push({ ...key, frame: last - key.frame, ease: reverseEase(ease) });
    if (before?.ease === "hold" && key.frame - before.frame > 1 && !sameBox(before, key)) {
      found.push({ ...before, frame: last - key.frame + 1 });
    }
  }
  return found;
}
