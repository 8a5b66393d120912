/**
 * Operations on keyframes. A selection is a list of {id, frame}. See operations.js for what holds for all.
 *
 * @import { Document, Ease, KeyRef } from "../model/types.js"
 */

import { fail, whole } from "../model/checks.js";
import { cutAt } from "./cut.js";
import { changeObjects, checkFrame, selectedFrames, withKeyframes } from "./edit.js";
import { MAX_FRAMES } from "../model/limits.js";
import { parseEase } from "../model/parts.js";

/**
 * Add a keyframe without changing the motion (see `cutAt` in cut.js).
 * @param {Document} document
 * @param {{ids: readonly string[], frame: number}} args
 * @returns {Document}
 */
export function addKeyframe(document, { ids, frame }) {
  checkFrame(document, frame);
  return changeObjects(document, ids, (object) => cutAt(object, frame));
}

/**
 * Delete keyframes. Each object must keep at least one; to remove all, delete the object.
 * @param {Document} document
 * @param {{selection: readonly KeyRef[]}} args
 * @returns {Document}
 */
export function removeKeyframes(document, { selection }) {
  const frames = selectedFrames(document, selection);
  return changeObjects(document, [...frames.keys()], (object) =>
    withKeyframes(
      object,
      object.keyframes.filter(({ frame }) => !frames.get(object.id)?.has(frame)),
    ),
  );
}

/**
 * Move keyframes in time, with their eases, all by the same step, which is shortened so that they stay in the clip (see
 * `clampShift`). A moved keyframe replaces the one that it lands on.
 * @param {Document} document
 * @param {{selection: readonly KeyRef[], dFrames: number}} args
 * @returns {Document}
 */
export function moveKeyframes(document, { selection, dFrames }) {
  return shift(document, selection, dFrames, true);
}

/**
 * Copy keyframes to another time, all by the same step, which is shortened as in `moveKeyframes`. A copy replaces the
 * keyframe that it lands on.
 * @param {Document} document
 * @param {{selection: readonly KeyRef[], dFrames: number}} args
 * @returns {Document}
 * @throws {RangeError} when there is no room in that direction
 */
export function duplicateKeyframes(document, { selection, dFrames }) {
  if (clampShift(document, selection, dFrames) === 0) {
    fail("dFrames", dFrames, "choose a step in a direction in which the clip has room for the copies");
  }
  return shift(document, selection, dFrames, false);
}

/**
 * The step by which a selection can move without any keyframe leaving the clip.
 * @param {Document} document
 * @param {readonly KeyRef[]} selection
 * @param {number} dFrames
 * @returns {number}
 */
export function clampShift(document, selection, dFrames) {
  whole(dFrames, "dFrames", -MAX_FRAMES, MAX_FRAMES, "frames to move by");
  const frames = [...selectedFrames(document, selection).values()].flatMap((set) => [...set]);
  return Math.min(Math.max(dFrames, -Math.min(...frames)), document.frames - 1 - Math.max(...frames)) + 0;
}

/**
 * Set the ease of the segments that start at keyframes.
 * @param {Document} document
 * @param {{selection: readonly KeyRef[], ease: Ease}} args
 * @returns {Document}
 */
export function setEase(document, { selection, ease }) {
  const clean = parseEase(ease, "ease");
  const frames = selectedFrames(document, selection);
  return changeObjects(document, [...frames.keys()], (object) => {
    const keyframes = object.keyframes.map((key) =>
      frames.get(object.id)?.has(key.frame) && String(key.ease) !== String(clean) ? { ...key, ease: clean } : key,
    );
    return keyframes.every((key, index) => key === object.keyframes[index]) ? object : { ...object, keyframes };
  });
}

/**
 * @param {Document} document
 * @param {readonly KeyRef[]} selection
 * @param {number} dFrames
 * @param {boolean} leave whether the keyframes leave their old frames
 * @returns {Document}
 */
function shift(document, selection, dFrames, leave) {
  const step = clampShift(document, selection, dFrames);
  if (step === 0) return document;
  const frames = selectedFrames(document, selection);
  return changeObjects(document, [...frames.keys()], (object) => {
    const selected = object.keyframes.filter(({ frame }) => frames.get(object.id)?.has(frame));
    const landed = new Map(selected.map((key) => [key.frame + step, { ...key, frame: key.frame + step }]));
    const rest = object.keyframes.filter((key) => !(leave && selected.includes(key)) && !landed.has(key.frame));
    return withKeyframes(
      object,
      [...rest, ...landed.values()].sort((a, b) => a.frame - b.frame),
    );
  });
}
