/**
 * Boxes known frame by frame -> as few keyframes as restore them. The same result as
 * flashmotion_core/trajectory/keyframes.py, held to tests/golden/simplify.json.
 *
 * @import { Box, Document, Interval } from "./types.js"
 */

import { fail, items, number, whole } from "./checks.js";
import { parseValue } from "./document.js";
import { shortNumberText } from "./format.js";
import { intervalsWhere } from "./intervals.js";
import { DEFAULT_FPS, MAX_FRAMES, MAX_KEYFRAMES, MAX_OBJECTS, MAX_SIDE, MIN_SIDE, VERSION } from "./limits.js";

/** Fractions of the frame: less than doubles can tell from a straight line. */
const EXACT = 1e-9;
/** @type {readonly ["x", "y", "w", "h"]} */
const SIDES = ["x", "y", "w", "h"];

/**
 * The deviation, as fractions of the frame, that a tolerance in pixels allows.
 * @param {number} tolerance pixels, 0 to 4096; 0 means exact (1e-9 of the frame)
 * @param {readonly [number, number]} size width and height in pixels
 * @returns {Box}
 * @throws {RangeError} for another tolerance
 */
export function slackOf(tolerance, [width, height]) {
  number(tolerance, "tolerance", 0, MAX_SIDE, "pixels");
  const [across, down] = [Math.max(tolerance / width, EXACT), Math.max(tolerance / height, EXACT)];
  return { x: across, y: down, w: across, h: down };
}

/**
 * Which boxes to keep as keyframes so that linear interpolation restores all others to `slack`: the first always, the
 * last only where holding the box before it would not do.
 *
 * From each kept box the farthest one is taken whose straight line passes all boxes between within the slack: as the
 * search moves on, the slopes that still pass form one interval per coordinate that only shrinks (one pass, no recursion).
 * @param {readonly number[]} frames strictly increasing, at least one
 * @param {readonly Box[]} boxes one for each frame
 * @param {Box} slack see `slackOf`
 * @param {{keepLast?: boolean}} [options] keepLast: other keyframes follow, so the last box does not hold
 * @returns {number[]} indices into `frames`
 */
export function neededBoxes(frames, boxes, slack, { keepLast = false } = {}) {
  const kept = [0];
  let anchor = 0;
  while (anchor < frames.length - 1) {
    anchor = farthest(frames, boxes, slack, anchor);
    kept.push(anchor);
  }
  while (!keepLast && kept.length > 1) {
    const held = boxes[kept[kept.length - 2]];
    const tail = boxes.slice(kept[kept.length - 2]);
    if (!tail.every((box) => SIDES.every((side) => Math.abs(box[side] - held[side]) <= slack[side]))) break;
    kept.pop();
  }
  return kept;
}

/**
 * @param {readonly number[]} frames
 * @param {readonly Box[]} boxes
 * @param {Box} slack
 * @param {number} anchor
 * @returns {number}
 */
function farthest(frames, boxes, slack, anchor) {
  const low = [-Infinity, -Infinity, -Infinity, -Infinity];
  const high = [Infinity, Infinity, Infinity, Infinity];
  let reach = anchor + 1;
  for (let index = anchor + 1; index < frames.length; index += 1) {
    const step = frames[index] - frames[anchor];
    let passes = true;
    let possible = true;
    for (let i = 0; i < 4; i += 1) {
      const rise = boxes[index][SIDES[i]] - boxes[anchor][SIDES[i]];
      const slope = rise / step;
      passes &&= slope >= low[i] && slope <= high[i];
      low[i] = Math.max(low[i], (rise - slack[SIDES[i]]) / step);
      high[i] = Math.min(high[i], (rise + slack[SIDES[i]]) / step);
      possible &&= low[i] <= high[i];
    }
    if (passes) reach = index;
    if (!possible) break;
  }
  return reach;
}

/**
 * A document whose samples are the given boxes, within the tolerance. Frames without a box become hidden.
 * @param {object} args
 * @param {readonly Float64Array[]} args.boxes per object, x, y, w, h of each frame in pixels, x, y the top-left corner;
 *   NaN where it has no box
 * @param {readonly Uint8Array[]} args.visible per object, 0 on hidden frames (which may have a box)
 * @param {readonly number[]} args.size width and height in pixels
 * @param {number} [args.fps]
 * @param {number} [args.tolerance] pixels by which centres and sizes may differ; 0 (if left out) is exact
 * @param {readonly string[]} [args.ids] "o1", "o2" ... if left out
 * @param {readonly string[]} [args.labels]
 * @returns {Document}
 * @throws {RangeError} when an object has no box, is visible without one, or needs more than 512 keyframes, and for
 *   anything else outside a document's limits
 */
export function fromBoxes({ boxes, visible, size, fps = DEFAULT_FPS, tolerance = 0, ids, labels }) {
  const [w, h] = items(size, "size", 2, 2, "whole numbers, (width, height) in pixels");
  const width = whole(w, "size[0]", MIN_SIDE, MAX_SIDE, "width in pixels");
  const height = whole(h, "size[1]", MIN_SIDE, MAX_SIDE, "height in pixels");
  const slack = slackOf(tolerance, [width, height]);
  if (boxes.length > MAX_OBJECTS) fail("objects", boxes, `keep at most ${MAX_OBJECTS} of them`);
  const frames = whole(visible[0]?.length ?? 1, "frames", 1, MAX_FRAMES, "length of the clip");
  const objects = boxes.map((pixels, n) => ({
    id: ids ? ids[n] : `o${n + 1}`,
    label: labels ? labels[n] : "",
    ...followed(pixels, visible[n], [width, height], slack, { field: `objects[${n}]`, tolerance }),
  }));
  return parseValue({ version: VERSION, size: [width, height], frames, fps, objects });
}

/**
 * @param {Float64Array} pixels
 * @param {Uint8Array} visible
 * @param {readonly [number, number]} size
 * @param {Box} slack
 * @param {{field: string, tolerance: number}} names
 * @returns {{keyframes: readonly (Box & {frame: number})[], hidden: readonly Interval[]}}
 */
function followed(pixels, visible, [width, height], slack, { field, tolerance }) {
  /** @type {number[]} */
  const frames = [];
  /** @type {Box[]} */
  const boxes = [];
  for (let f = 0; f < visible.length; f += 1) {
    const [w, h] = [pixels[f * 4 + 2] / width, pixels[f * 4 + 3] / height];
    const box = { x: pixels[f * 4] / width + w * 0.5, y: pixels[f * 4 + 1] / height + h * 0.5, w, h };
    if (SIDES.every((side) => Number.isFinite(box[side]))) {
      frames.push(f);
      boxes.push(box);
    } else if (visible[f]) {
      if (!hasBox(pixels)) break;
      throw new RangeError(`${field} on frame ${f} is visible without a finite box: give its box or hide it.`);
    }
  }
  if (frames.length === 0) throw new RangeError(`${field} has no box on any frame: leave it out or give it one.`);
  const kept = neededBoxes(frames, boxes, slack);
  if (kept.length > MAX_KEYFRAMES) {
    const now = `${shortNumberText(tolerance)} px`;
    fail(`${field}.keyframes`, kept, `keep at most ${MAX_KEYFRAMES} by raising tolerance (simplify in DrawTrajectory; now ${now})`);
  }
  const known = new Set(frames);
  return {
    keyframes: kept.map((index) => ({ frame: frames[index], ...boxes[index] })),
    hidden: intervalsWhere(visible.length, (f) => !(visible[f] && known.has(f))),
  };
}

/** Whether any frame has a box. @param {Float64Array} pixels */
function hasBox(pixels) {
  for (let at = 0; at < pixels.length; at += 4) {
    if (pixels.subarray(at, at + 4).every(Number.isFinite)) return true;
  }
  return false;
}
