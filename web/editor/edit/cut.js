/**
 * Inserting keyframes without changing the motion.
 *
 * @import { DocumentObject, Keyframe } from "../model/types.js"
 */

import { splitEase } from "../model/easing.js";
import { clampBox, putKeyframe, withKeyframes } from "./edit.js";
import { boxAt, segmentAt } from "../model/sample.js";

/**
 * The object with a keyframe at a frame, showing the box that it has there. The ease of the segment is cut in two, so
 * that on a linear path the motion stays what it was. Where a part of the ease does not fit the limits of a document,
 * both parts keep the whole ease, and a smooth path bends a little differently: the motion between the neighbours then
 * changes.
 * @param {DocumentObject} object
 * @param {number} frame
 * @returns {DocumentObject}
 * @throws {RangeError} for more than 512 keyframes
 */
export function cutAt(object, frame) {
  const keys = object.keyframes;
  const k = segmentAt(keys, frame);
  if (k >= 0 && keys[k].frame === frame) return object;
  /** @type {Keyframe} */
  const key = { frame, ...clampBox(boxAt(object, frame)), ease: "linear" };
  if (k < 0 || k === keys.length - 1) return withKeyframes(object, putKeyframe(keys, key));
  const { ease } = keys[k];
  const parts = splitEase(ease, (frame - keys[k].frame) / (keys[k + 1].frame - keys[k].frame));
  const first = { ...keys[k], ease: parts ? parts.before : ease };
  return withKeyframes(object, putKeyframe(putKeyframe(keys, first), { ...key, ease: parts ? parts.after : ease }));
}
