/**
 * The readers of a document's parts; each returns a clean value or throws a RangeError of one sentence.
 *
 * @import { Bezier, DocumentObject, Ease, Interval, Keyframe } from "./types.js"
 */

import { choice, fail, fields, items, number, text, whole } from "./checks.js";
import { parseShape } from "./first_shape.js";
import { mergeIntervals } from "./intervals.js";
import {
  EASE_NAMES,
  MAX_CENTRE,
  MAX_EXTENT,
  MAX_ID,
  MAX_KEYFRAMES,
  MAX_LABEL,
  MIN_CENTRE,
  MIN_EXTENT,
  PATHS,
} from "./limits.js";

/**
 * An object with all its defaults written out.
 * @param {unknown} entry
 * @param {string} field its place, for the sentence
 * @param {number} frames length of the clip
 * @returns {DocumentObject}
 * @throws {RangeError} one sentence
 */
export function parseObject(entry, field, frames) {
  const data = fields(entry, field, ["id", "keyframes"], ["label", "color", "path", "hidden", "shape"]);
  const color = "color" in data ? parseColor(data.color, `${field}.color`) : undefined;
  /** @type {Keyframe[]} */
  const keyframes = [];
  items(data.keyframes, `${field}.keyframes`, 1, MAX_KEYFRAMES, "keyframes").forEach((key, index) => {
    const place = `${field}.keyframes[${index}]`;
    const before = keyframes.at(-1)?.frame;
    const found = parseKeyframe(key, place, frames);
    if (before !== undefined && found.frame <= before) {
      fail(`${place}.frame`, found.frame, `give a frame after the previous keyframe's ${before}`);
    }
    keyframes.push(found);
  });
  return {
    id: text(data.id, `${field}.id`, 1, MAX_ID, "unique in the document"),
    label: text("label" in data ? data.label : "", `${field}.label`, 0, MAX_LABEL, "shown in the editor"),
    ...(color === undefined ? {} : { color }),
    path: choice("path" in data ? data.path : "linear", `${field}.path`, PATHS),
    hidden: parseHidden("hidden" in data ? data.hidden : [], `${field}.hidden`, frames),
    ...("shape" in data ? { shape: parseShape(data.shape, `${field}.shape`) } : {}),
    keyframes,
  };
}

/**
 * "#rrggbb" in lower case.
 * @param {unknown} value
 * @param {string} field
 * @returns {string}
 * @throws {RangeError} for anything else
 */
export function parseColor(value, field) {
  if (typeof value !== "string" || !/^#[0-9a-f]{6}$/i.test(value)) {
    fail(field, value, 'give a colour such as "#ff4040", or leave it out');
  }
  return value.toLowerCase();
}

/**
 * @param {unknown} entry
 * @param {string} field its place, for the sentence
 * @param {number} frames length of the clip
 * @returns {Keyframe}
 * @throws {RangeError} one sentence
 */
function parseKeyframe(entry, field, frames) {
  const data = fields(entry, field, ["frame", "x", "y", "w", "h"], ["ease"]);
  return {
    frame: whole(data.frame, `${field}.frame`, 0, frames - 1, `0-based, in a clip of ${frames} frames`),
    x: number(data.x, `${field}.x`, MIN_CENTRE, MAX_CENTRE, "box centre over the frame's width"),
    y: number(data.y, `${field}.y`, MIN_CENTRE, MAX_CENTRE, "box centre over the frame's height"),
    w: number(data.w, `${field}.w`, MIN_EXTENT, MAX_EXTENT, "box width over the frame's width"),
    h: number(data.h, `${field}.h`, MIN_EXTENT, MAX_EXTENT, "box height over the frame's height"),
    ease: parseEase("ease" in data ? data.ease : "linear", `${field}.ease`),
  };
}

/**
 * @param {unknown} value a name, or x1, y1, x2, y2 with x in 0..1 and y in -2..3
 * @param {string} field its place, for the sentence
 * @returns {Ease}
 * @throws {RangeError} one sentence
 */
export function parseEase(value, field) {
  if (!Array.isArray(value)) return choice(value, field, EASE_NAMES);
  const bezier = items(value, field, 4, 4, "numbers [x1, y1, x2, y2] of a cubic-bezier").map((entry, index) => {
    const [low, high] = index % 2 === 0 ? [0, 1] : [-2, 3];
    return number(entry, `${field}[${index}]`, low, high, `${["x1", "y1", "x2", "y2"][index]} of a cubic-bezier`);
  });
  return /** @type {Bezier} */ (/** @type {unknown} */ (bezier));
}

/**
 * @param {unknown} value
 * @param {string} field
 * @param {number} frames
 * @returns {readonly Interval[]}
 */
function parseHidden(value, field, frames) {
  /** @type {Interval[]} */
  const intervals = items(value, field, 0, MAX_KEYFRAMES, "[first, last] frame intervals").map((entry, index) => {
    const place = `${field}[${index}]`;
    const ends = items(entry, place, 2, 2, "frames, [first, last]");
    const first = whole(ends[0], `${place}[0]`, 0, frames - 1, "first hidden frame, 0-based");
    const last = whole(ends[1], `${place}[1]`, 0, frames - 1, "last hidden frame, 0-based");
    if (last < first) fail(`${place}[1]`, last, `give a frame not before the interval's first, ${first}`);
    return [first, last];
  });
  return mergeIntervals(intervals);
}
