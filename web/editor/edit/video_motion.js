/**
 * The motion of a video: which moments of it the frames of the clip are, and boxes found there as keyframes.
 *
 * @import { Box, Document, Interval } from "../model/types.js"
 *
 * @typedef {object} Part of a video
 * @property {number} from seconds
 * @property {number} to seconds, after `from`
 * @property {"retime" | "trim"} fit "retime": the part fills the clip; "trim": it keeps its speed, and is cut off or ends early
 *
 * @typedef {{readonly time: number, readonly frame?: number}} Moment seconds; frame: the frame of the clip that is shown then
 *
 * @typedef {object} Look at one picture of the video
 * @property {number} time seconds at which it begins
 * @property {readonly (Box | undefined)[]} boxes of each object, as fractions of the picture; undefined: out of sight
 * @property {readonly number[]} scores of each: how much it looks as it did, at most 1
 *
 * @typedef {object} Track an object's way through the video
 * @property {string} [id] of the object whose motion is replaced; left out: a new object
 * @property {string} label of a new object
 * @property {readonly (Box | undefined)[]} boxes of frames 0, 1, ... of the clip, as fractions of the VIDEO's picture; undefined: out of sight.
 *   There may be fewer than the clip has frames: the last one is held
 */

import { fail, number } from "../model/checks.js";
import { intervalsWhere } from "../model/intervals.js";
import { newColor } from "../model/palette.js";
import { fromBoxes } from "../model/simplify.js";
import { coverZoom } from "./cover.js";
import { changeObjects, clampBox, withObjects } from "./edit.js";
import { newId } from "./names.js";

/** Between two pictures that are looked at; more and fast things are lost. */
const LONGEST_STEP = 1 / 24;
/** Of video, so that nobody waits for hours: at 24 pictures a second 2,880 are looked at. */
const MAX_SECONDS = 120;

/**
 * The moments of a video to look at, in order: those of the clip's frames, and as many between them as keep motion small.
 * @param {{readonly frames: number, readonly fps: number}} clip
 * @param {number} duration of the video in seconds
 * @param {Part} part
 * @returns {Moment[]} the first is frame 0
 * @throws {RangeError} for a clip of one frame, or a part that is empty, too long or not in the video
 */
export function moments({ frames, fps }, duration, { from, to, fit }) {
  if (frames < 2) fail("frames", frames, "give the clip at least 2 frames for a motion");
  const start = number(from, "from", 0, duration, "seconds of the video");
  const end = number(to, "to", 0, duration, "seconds of the video");
  const length = end - start;
  const used = fit === "retime" ? length : Math.min(length, (frames - 1) / fps);
  if (!(used > 0)) fail("to", to, `give a second of the video after from, ${start}`);
  if (used > MAX_SECONDS) fail("to", to, `choose a part of at most ${MAX_SECONDS} seconds`);
  // A frame whose moment the video just misses by rounding is still its last one.
  const last = fit === "retime" ? frames - 1 : Math.min(frames - 1, Math.floor(length * fps + 1e-6));
  if (last < 1) fail("to", to, `choose a longer part: at ${fps} frames per second it has one frame`);
  const step = fit === "retime" ? length / (frames - 1) : 1 / fps;
  const pieces = Math.max(Math.ceil(step / LONGEST_STEP - 1e-6), 1);
  return Array.from({ length: last * pieces + 1 }, (_, n) => {
    const time = Math.min(start + (n / pieces) * step, end);
    return n % pieces ? { time } : { time, frame: n / pieces };
  });
}

/**
 * An object's boxes on the clip's frames. Between two pictures it moves in proportion; a clip may have more frames than the video.
 * @param {readonly Look[]} looks at least one, in the order of time
 * @param {number} index of the object
 * @param {readonly Moment[]} all see `moments`
 * @returns {{boxes: (Box | undefined)[], scores: number[]}} of the frames 0, 1, ...
 */
export function resampled(looks, index, all) {
  let at = 0;
  const found = { boxes: /** @type {(Box | undefined)[]} */ ([]), scores: /** @type {number[]} */ ([]) };
  for (const { time, frame } of all) {
    if (frame === undefined) continue;
    while (at + 1 < looks.length && looks[at + 1].time <= time) at += 1;
    const [here, next] = [looks[at], looks[at + 1]];
    const [box, later] = [here.boxes[index], next?.boxes[index]];
    const share = later ? Math.max((time - here.time) / (next.time - here.time), 0) : 0;
    found.boxes.push(box && later ? between(box, later, share) : box);
    found.scores.push(here.scores[index]);
  }
  return found;
}

/** @param {Box} a @param {Box} b @param {number} share @returns {Box} */
function between(a, b, share) {
  const [x, y, w, h] = /** @type {const} */ (["x", "y", "w", "h"]).map((side) => a[side] + (b[side] - a[side]) * share);
  return { x, y, w, h };
}

/**
 * A box of the clip, as a fraction of a video's picture that is scaled to cover the clip and cropped about its centre; the inverse of
 * `onClipOf`.
 * @param {Box} box
 * @param {readonly [number, number]} video width and height in pixels
 * @param {readonly [number, number]} size of the clip
 * @returns {Box}
 */
export function onVideoOf(box, video, size) {
  const [across, down] = coverZoom(video, size);
  return zoomed(box, 1 / across, 1 / down);
}

/**
 * A box of a video's picture, as a fraction of the clip.
 * @param {Box} box
 * @param {readonly [number, number]} video width and height in pixels
 * @param {readonly [number, number]} size of the clip
 * @returns {Box}
 */
export function onClipOf(box, video, size) {
  return zoomed(box, ...coverZoom(video, size));
}

/** @param {Box} box @param {number} across @param {number} down @returns {Box} */
function zoomed({ x, y, w, h }, across, down) {
  return { x: 0.5 + (x - 0.5) * across, y: 0.5 + (y - 0.5) * down, w: w * across, h: h * down };
}

/**
 * The frames on which an object is out of sight.
 * @param {Track["boxes"]} boxes
 * @returns {readonly Interval[]}
 */
export function outOfSight(boxes) {
  return intervalsWhere(boxes.length, (frame) => !boxes[frame]);
}

/**
 * Give objects the motions found in a video, in few keyframes. Where one is out of sight, it is hidden.
 * @param {Document} document
 * @param {{tracks: readonly Track[], video: readonly [number, number], tolerance: number}} args video: width and height in pixels;
 *   tolerance: pixels of the clip by which centres and sizes may differ
 * @returns {Document}
 * @throws {RangeError} for more than 64 objects, or when one needs more than 512 keyframes
 */
export function takeMotion(document, { tracks, video, tolerance }) {
  const { size, frames, fps } = document;
  const found = fromBoxes({
    boxes: tracks.map(({ boxes }) => pixelsOf(boxes, video, size, frames)),
    visible: tracks.map(({ boxes }) => Uint8Array.from({ length: frames }, (_, f) => Number(held(boxes, f) !== undefined))),
    size, fps, tolerance,
  });
  return tracks.reduce((before, { id, label }, index) => {
    const { keyframes, hidden } = found.objects[index];
    if (id !== undefined) return changeObjects(before, [id], (object) => ({ ...object, path: "linear", keyframes, hidden }));
    return withObjects(before, [...before.objects, { id: newId(before.objects), label, color: newColor(before.objects), path: "linear", keyframes, hidden }]);
  }, document);
}

/** @param {Track["boxes"]} boxes @param {number} frame */
const held = (boxes, frame) => boxes[Math.min(frame, boxes.length - 1)];

/** @param {Track["boxes"]} boxes @param {readonly [number, number]} video @param {readonly [number, number]} size @param {number} frames */
function pixelsOf(boxes, video, size, frames) {
  const pixels = new Float64Array(frames * 4).fill(NaN);
  for (let f = 0; f < frames; f += 1) {
    const box = held(boxes, f);
    if (!box) continue;
    const { x, y, w, h } = clampBox(onClipOf(box, video, size));
    pixels.set([(x - w / 2) * size[0], (y - h / 2) * size[1], w * size[0], h * size[1]], f * 4);
  }
  return pixels;
}
