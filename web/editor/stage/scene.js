/**
 * What the stage shows of a document at a frame. Pure.
 *
 * @import { Box, Document, DocumentObject } from "../model/types.js"
 *
 * @typedef {object} Shown an object as it stands on a frame
 * @property {string} id
 * @property {DocumentObject} object
 * @property {string} name its label, or else its id
 * @property {string} color "#rrggbb"
 * @property {Box} box
 * @property {boolean} hidden on this frame, in the video
 *
 * @typedef {object} Ghosts boxes of neighbouring frames
 * @property {number} count on each side, 0 or more
 * @property {number} step frames between them; 0: by the length of the clip
 */

import { awayFrom } from "../model/geometry.js";
import { paletteColor } from "../model/palette.js";
import { boxAt, isHidden } from "../model/sample.js";

/** @type {WeakMap<DocumentObject, Float64Array>} Objects are immutable, so samples stay valid. */
const paths = new WeakMap();
/** @type {WeakMap<Float64Array, readonly number[]>} */
const bends = new WeakMap();
/** How far a drawn path may miss a centre, as a fraction of the frame: less than a pixel, zoomed in too. */
const UNSEEN = 1e-4;
/** Frames that a straight piece spans at most, so that long clips cost no more per frame than short ones. */
const LONGEST = 32;

/**
 * The objects to draw, in drawing order. Those hidden on this frame appear only where they are selected.
 * @param {Document} document
 * @param {number} frame
 * @param {readonly string[]} selected ids
 * @param {readonly string[]} unseen ids left out
 * @returns {Shown[]}
 */
export function shownObjects(document, frame, selected, unseen) {
  return document.objects.flatMap((object, index) => {
    if (unseen.includes(object.id)) return [];
    const hidden = isHidden(object, frame);
    if (hidden && !selected.includes(object.id)) return [];
    return [{ id: object.id, object, name: nameOf(object), color: colorOf(object, index), box: boxAt(object, frame), hidden }];
  });
}

/**
 * @param {DocumentObject} object
 * @param {number} index its place in the document
 * @returns {string} "#rrggbb"
 */
export function colorOf(object, index) {
  return object.color ?? paletteColor(index);
}

/**
 * @param {DocumentObject} object
 * @returns {string}
 */
export function nameOf(object) {
  return object.label || object.id;
}

/**
 * The object's centre on every frame: x0, y0, x1, y1 ... as fractions of the frame.
 * @param {DocumentObject} object
 * @param {number} frames length of the clip
 * @returns {Float64Array}
 */
export function centresOf(object, frames) {
  const kept = paths.get(object);
  if (kept && kept.length === frames * 2) return kept;
  const points = new Float64Array(frames * 2);
  for (let f = 0; f < frames; f += 1) {
    const box = boxAt(object, f);
    points[2 * f] = box.x;
    points[2 * f + 1] = box.y;
  }
  paths.set(object, points);
  return points;
}

/**
 * The frames between which a path is straight, so that drawing it takes few points.
 * @param {Float64Array} centres as `centresOf` gives them
 * @param {number} first
 * @param {number} last
 * @returns {readonly number[]} `first`, ..., `last`
 */
export function bendsOf(centres, first, last) {
  const known = bends.get(centres);
  if (known) return known;
  /** @param {number} f */
  const at = (f) => ({ x: centres[2 * f], y: centres[2 * f + 1] });
  const found = [first];
  for (let f = first + 1; f < last; f += 1) {
    const from = found[found.length - 1];
    let straight = f + 1 - from < LONGEST;
    for (let mid = from + 1; straight && mid <= f; mid += 1) straight = awayFrom(at(from), at(f + 1), at(mid)) <= UNSEEN;
    if (!straight) found.push(f);
  }
  if (last > first) found.push(last);
  bends.set(centres, found);
  return found;
}

/**
 * The frames of the ghosts around a frame.
 * @param {number} frame
 * @param {number} frames length of the clip
 * @param {Ghosts} ghosts
 * @returns {{frame: number, strength: number}[]} strength 0 to 1, the nearest strongest
 */
export function ghostFrames(frame, frames, { count, step }) {
  const by = step || Math.max(Math.round(frames / 20), 1);
  return Array.from({ length: count }, (_, n) => n + 1)
    .flatMap((n) => [-n, n].map((m) => ({ frame: frame + m * by, strength: 1 - n / (count + 1) })))
    .filter((ghost) => ghost.frame >= 0 && ghost.frame < frames);
}
