/**
 * A document on a clip of another length. The same results as `retime` and `trim` in
 * flashmotion_core/trajectory/transform.py, which says what is exact and what is not.
 *
 * @import { Box, Document, DocumentObject, Ease, Interval, Keyframe } from "../model/types.js"
 */

import { cutEase } from "../model/easing.js";
import { clampBox } from "./edit.js";
import { shorten } from "../model/format.js";
import { intervalsWhere } from "../model/intervals.js";
import { MAX_KEYFRAMES, MIN_EXTENT } from "../model/limits.js";
import { boxAt, sampleTimes } from "../model/sample.js";

/**
 * Stretch the motion over `frames` frames, first to first and last to last. Keyframes move to the nearest frame; of
 * several on one frame the nearest stays, with the ease of the last of them.
 * @param {Document} document
 * @param {number} frames 1 to 1025
 * @returns {Document}
 */
export function retime(document, frames) {
  const nearest = Array.from(sampleTimes(document.frames, frames, "retime"), (t) => Math.floor(t + 0.5));
  const objects = document.objects.map((object) => ({
    ...object,
    keyframes: retimed(object.keyframes, document.frames, frames),
    hidden: intervalsWhere(frames, (f) => object.hidden.some(([a, b]) => nearest[f] >= a && nearest[f] <= b)),
  }));
  return { ...document, frames, objects };
}

/**
 * Cut the clip after `frames` frames, or make it longer, holding the last frame; the speed stays.
 * @param {Document} document
 * @param {number} frames 1 to 1025
 * @returns {Document}
 * @throws {RangeError} when an overshooting ease would need more than 512 keyframes
 */
export function trim(document, frames) {
  const objects = document.objects.map((object, index) => ({
    ...object,
    keyframes: trimmed(object, frames - 1, `objects[${index}]`),
    hidden: trimmedHidden(object.hidden, document.frames, frames),
  }));
  return { ...document, frames, objects };
}

/**
 * @param {readonly Keyframe[]} keys
 * @param {number} frames0
 * @param {number} frames
 * @returns {readonly Keyframe[]}
 */
function retimed(keys, frames0, frames) {
  if (frames === 1 || frames0 === 1) return [{ ...keys[0], frame: 0 }];
  // In integers: frame * (frames - 1) / (frames0 - 1) rounded half up.
  const [span0, span] = [frames0 - 1, frames - 1];
  const moved = keys.map((key) => Math.floor((2 * key.frame * span + span0) / (2 * span0)));
  const error = keys.map((key, index) => Math.abs(key.frame * span - moved[index] * span0));
  const last = keys.length - 1;
  if (last > 0 && moved[0] === moved[last]) {
    const first = moved[0] + 1 < frames ? moved[0] : moved[0] - 1;
    return [
      { ...keys[0], frame: first, ease: keys[last - 1].ease },
      { ...keys[last], frame: first + 1 },
    ];
  }
  return [...new Set(moved)].map((frame) => {
    const group = moved.flatMap((other, index) => (other === frame ? [index] : []));
    const nearest = group.reduce((best, index) => (error[index] < error[best] ? index : best));
    const stays = group.includes(0) ? 0 : group.includes(last) ? last : nearest;
    return { ...keys[stays], frame, ease: keys[group[group.length - 1]].ease };
  });
}

/**
 * The keyframes of an object whose clip ends at frame `last`.
 * @param {DocumentObject} object
 * @param {number} last
 * @param {string} field
 * @returns {readonly Keyframe[]}
 */
function trimmed(object, last, field) {
  const keys = object.keyframes;
  const kept = keys.filter((key) => key.frame <= last);
  if (kept.length === 0) return [{ ...keys[0], frame: last }];
  const start = kept[kept.length - 1];
  if (kept.length === keys.length || start.frame === last || start.ease === "hold") return kept;
  /** @type {Ease | null} */
  let ease = cutEase(start.ease, (last - start.frame) / (keys[kept.length].frame - start.frame)).ease;
  const every = Array.from({ length: last - start.frame }, (_, step) => start.frame + 1 + step);
  let frames = ease !== null || object.path === "smooth" ? [last] : every;
  let boxes = frames.map((frame) => boxAt(object, frame));
  if (object.path === "linear" && boxes.some(isPinned)) {
    // The box stops shrinking at the minimum before the cut: one straight segment to the cut box would not show that.
    [frames, boxes, ease] = [every, every.map((frame) => boxAt(object, frame)), null];
  }
  if (kept.length + frames.length > MAX_KEYFRAMES) {
    throw new RangeError(
      `${field}.keyframes[${kept.length - 1}].ease is ${shorten(start.ease)}: give it an ease without overshoot ` +
        `before cutting the clip to ${last + 1} frames, which would need ${kept.length + frames.length} keyframes ` +
        `(at most ${MAX_KEYFRAMES}).`,
    );
  }
  return [
    ...kept.slice(0, -1),
    { ...start, ease: ease ?? "linear" },
    ...frames.map((frame, index) => ({ frame, ...clampBox(boxes[index]), ease: /** @type {Ease} */ ("linear") })),
  ];
}

/** Whether a box has the smallest size. @param {Box} box */
const isPinned = (box) => Math.min(box.w, box.h) <= MIN_EXTENT;

/**
 * @param {readonly Interval[]} hidden
 * @param {number} frames0
 * @param {number} frames
 * @returns {readonly Interval[]}
 */
function trimmedHidden(hidden, frames0, frames) {
  if (frames < frames0) {
    return hidden.filter(([first]) => first < frames).map(([first, last]) => [first, Math.min(last, frames - 1)]);
  }
  return hidden.map(([first, last]) => [first, last === frames0 - 1 ? frames - 1 : last]);
}
