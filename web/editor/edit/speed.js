/**
 * Speed between keyframes.
 *
 * @import { DocumentObject } from "../model/types.js"
 */

import { sameBox } from "./edit.js";

/** @typedef {"single" | "before" | "last" | "still"} IdleReason */

/**
 * Why the ease of a keyframe changes nothing: the object has no other keyframe, it is the last one, or the box is the same at the
 * next one. "before": the keyframe is the first and the frame shown lies before it.
 * @param {DocumentObject} object
 * @param {number} frame of the keyframe
 * @param {number} [shown] the frame shown, where the segment there is meant
 * @returns {IdleReason | undefined} undefined when the ease does something
 */
export function idleReason({ keyframes }, frame, shown = frame) {
  if (keyframes.length === 1) return "single";
  const index = keyframes.findIndex((key) => key.frame === frame);
  if (shown < frame) return "before";
  if (index === keyframes.length - 1) return "last";
  return sameBox(keyframes[index], keyframes[index + 1]) ? "still" : undefined;
}

/** @param {DocumentObject} object @returns {boolean} whether its box is not the same throughout the clip */
export function moves({ keyframes }) {
  return keyframes.some((key) => !sameBox(key, keyframes[0]));
}
