/**
 * Replacing a stretch of an object's motion with boxes that are known frame by frame.
 *
 * @import { Box, DocumentObject, Keyframe } from "../model/types.js"
 */

import { cutAt } from "./cut.js";
import { checkBox, withKeyframes } from "./edit.js";
import { boxAt } from "../model/sample.js";
import { neededBoxes, slackOf } from "../model/simplify.js";

/**
 * The object with other boxes on the frames `first`, `first + 1`, ... They become as few keyframes as restore them within the
 * tolerance. On a linear path the motion before and after stays, except that the segments beside the stretch now
 * lead to its ends. A smooth path becomes a linear one, with keyframes that restore all of it to the tolerance.
 * @param {DocumentObject} object
 * @param {object} args
 * @param {number} args.first
 * @param {readonly Box[]} args.boxes at least one
 * @param {readonly [number, number]} args.size of the frame in pixels
 * @param {number} args.tolerance pixels
 * @returns {DocumentObject}
 * @throws {RangeError} for a box outside the limits, a wrong tolerance, or when more than 512 keyframes are needed
 */
export function replaceRange(object, { first, boxes, size, tolerance }) {
  const slack = slackOf(tolerance, size);
  const last = first + boxes.length - 1;
  const clean = boxes.map((box) => checkBox(box, object.id));
  if (object.path === "smooth" && object.keyframes.length > 1) {
    const [begin, end] = [object.keyframes[0].frame, object.keyframes[object.keyframes.length - 1].frame];
    const after = object.keyframes.find(({ frame }) => frame > last)?.frame ?? end + 1;
    const frames = [...range(begin, first - 1), ...range(first, last), ...range(after, end)];
    const all = frames.map((frame) => clean[frame - first] ?? checkBox(boxAt(object, frame), object.id));
    return { ...withKeyframes(object, keyframesOf(frames, all, neededBoxes(frames, all, slack))), path: "linear" };
  }
  const cut = cutAt(cutAt(object, first), last).keyframes;
  const after = cut.filter(({ frame }) => frame > last);
  const frames = range(first, last);
  const middle = keyframesOf(frames, clean, neededBoxes(frames, clean, slack, { keepLast: after.length > 0 }));
  if (after.length) {
    const { ease } = cut[cut.length - after.length - 1];
    middle.push({ ...middle[middle.length - 1], ease });
    middle.splice(-2, 1);
  }
  return withKeyframes(object, [...cut.filter(({ frame }) => frame < first), ...middle, ...after]);
}

/**
 * @param {readonly number[]} frames
 * @param {readonly Box[]} boxes
 * @param {readonly number[]} kept
 * @returns {Keyframe[]}
 */
function keyframesOf(frames, boxes, kept) {
  return kept.map((index) => ({ frame: frames[index], ...boxes[index], ease: "linear" }));
}

/**
 * first, first + 1, ... last.
 * @param {number} first
 * @param {number} last
 */
function range(first, last) {
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, step) => first + step);
}
