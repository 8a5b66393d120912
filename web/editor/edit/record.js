/**
 * Free-hand motion: the pointer's path while the clip played becomes the motion, and its speed the timing.
 *
 * @import { Document } from "../model/types.js"
 */

import { replaceRange } from "./bake.js";
import { fail, number } from "../model/checks.js";
import { changeObjects, checkFrame, clampBox, objectOf } from "./edit.js";
import { boxAt } from "../model/sample.js";

/** @typedef {{readonly time: number, readonly x: number, readonly y: number}} PointerSample */

/**
 * The pointer's place at each frame that the recording covers, by linear interpolation between samples.
 * @param {readonly PointerSample[]} samples time in ms since the clip passed frame `first`, never decreasing; x, y as
 *   fractions of the frame
 * @param {{fps: number, first: number, frames: number}} clip `frames` is the clip's length: what was recorded past its
 *   end is not used
 * @returns {{x: number, y: number}[]} for the frames first, first + 1, ...
 * @throws {RangeError} for no samples, or one that is not finite or goes back in time
 */
export function resampleRecording(samples, { fps, first, frames }) {
  if (samples.length === 0) fail("samples", samples, "record at least one");
  samples.forEach(({ time, x, y }, index) => {
    number(time, `samples[${index}].time`, index ? samples[index - 1].time : 0, 1e9, "ms, never decreasing");
    number(x, `samples[${index}].x`, -1e6, 1e6, "fraction of the frame's width");
    number(y, `samples[${index}].y`, -1e6, 1e6, "fraction of the frame's height");
  });
  // A millionth of a frame, so that rounding does not lose the last sample's own frame.
  const reached = Math.floor((samples[samples.length - 1].time * fps) / 1000 + 1e-6);
  const count = Math.min(reached, frames - 1 - first) + 1;
  let next = 0;
  return Array.from({ length: count }, (_, step) => {
    const time = (step * 1000) / fps;
    while (next < samples.length && samples[next].time < time) next += 1;
    const [before, after] = [samples[Math.max(next - 1, 0)], samples[Math.min(next, samples.length - 1)]];
    const span = after.time - before.time;
    const share = span > 0 ? (time - before.time) / span : 0;
    return { x: before.x + (after.x - before.x) * share, y: before.y + (after.y - before.y) * share };
  });
}

/**
 * Let an object's centre follow a recording from frame `first` on; its size stays what it was at each frame. What was
 * there on the recorded frames is replaced (see `replaceRange` in bake.js); the centre is kept in -4..5.
 * @param {Document} document
 * @param {object} args
 * @param {string} args.id
 * @param {number} args.first frame at which time 0 was
 * @param {readonly PointerSample[]} args.samples see `resampleRecording`; x, y are where the CENTRE should be
 * @param {number} [args.tolerance] pixels by which the keyframes may miss the hand
 * @returns {Document}
 */
export function recordMotion(document, { id, first, samples, tolerance = 2 }) {
  checkFrame(document, first, "first");
  const object = objectOf(document, id);
  const places = resampleRecording(samples, { fps: document.fps, first, frames: document.frames });
  const boxes = places.map((place, step) => clampBox({ ...boxAt(object, first + step), ...place }));
  return changeObjects(document, [id], () => replaceRange(object, { first, boxes, size: document.size, tolerance }));
}
