/**
 * The numbers that are saved: at most 6 decimals, a thousandth of a pixel.
 *
 * @import { Bezier, Document, DocumentObject, Ease, Keyframe } from "../model/types.js"
 */

const STEPS = 1e6;

/**
 * The document with what changed since `before` rounded. Objects that did not change keep their numbers, letter by letter.
 * @param {Document} document
 * @param {Document} before
 * @returns {Document} the same one where nothing needed rounding
 */
export function rounded(document, before) {
  const kept = new Set(before.objects);
  const objects = document.objects.map((object) => (kept.has(object) ? object : roundedObject(object)));
  const fps = document.fps === before.fps ? document.fps : round(document.fps) || document.fps;
  const same = fps === document.fps && objects.every((object, index) => object === document.objects[index]);
  return same ? document : { ...document, fps, objects };
}

/** @param {DocumentObject} object @returns {DocumentObject} */
function roundedObject(object) {
  const keyframes = object.keyframes.map(roundedKey);
  return keyframes.every((key, index) => key === object.keyframes[index]) ? object : { ...object, keyframes };
}

/** @param {Keyframe} key @returns {Keyframe} */
function roundedKey(key) {
  const [x, y, w, h] = [key.x, key.y, key.w, key.h].map(round);
  const ease = roundedEase(key.ease);
  const same = ease === key.ease && x === key.x && y === key.y && w === key.w && h === key.h;
  return same ? key : { ...key, x, y, w, h, ease };
}

/** @param {Ease} ease @returns {Ease} */
function roundedEase(ease) {
  if (typeof ease === "string" || ease.every((value) => round(value) === value)) return ease;
  return /** @type {Bezier} */ (/** @type {unknown} */ (ease.map(round)));
}

/** Without a negative zero, which a text would not keep. @param {number} value */
function round(value) {
  return Math.round(value * STEPS) / STEPS + 0;
}
