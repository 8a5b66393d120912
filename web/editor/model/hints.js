/**
 * What is likely to go wrong in a run, said before it: per object, at the first frame where it shows. Pure; nothing here forbids anything.
 *
 * @import { Box, Document, DocumentObject } from "./types.js"
 * @import { Size } from "./crop.js"
 *
 * @typedef {"fast" | "returns" | "grows" | "small" | "doubled" | "empty"} HintKind
 * @typedef {{readonly kind: HintKind, readonly frame: number, readonly other?: string}} Hint other: the id of the object that is doubled
 *
 * @typedef {{readonly width: number, readonly height: number, readonly data: ArrayLike<number>}} Pixels RGBA of what the clip shows in
 *   frame 0, row by row, at any scale
 */

import { boxAt, isHidden } from "./sample.js";

/** Pixels of the clip that one cell of the latent stands for. */
const CELL = 16;
/** Of the box's own width or height, from one frame to the next. */
const FAST = 0.5;
/** Factor of width or height from one frame to the next. */
const GROWS = 1.25;
/** Of its own width or height between where it left and where it comes back. */
const ELSEWHERE = 1;
/** Intersection over union of two boxes in frame 0. */
const DOUBLED = 0.7;
/** Standard deviation of the brightness, of 255, below which there is nothing to see in a box. */
const FLAT = 4;

/** Objects are immutable, so what was found of one stays true. @type {WeakMap<DocumentObject, {key: string, hints: readonly Hint[]}>} */
const known = new WeakMap();

/**
 * The hints of every object that has some.
 * @param {Document} document
 * @param {Pixels} [pixels] undefined: there is no picture, or it is not the one that the node gets
 * @returns {Map<string, readonly Hint[]>} by the object's id, in the order of the document
 */
export function hintsOf(document, pixels) {
  /** @type {Map<string, readonly Hint[]>} */
  const found = new Map();
  document.objects.forEach((object, index) => {
    const twin = document.objects.slice(0, index).find((other) => isDoubled(other, object));
    /** @type {Hint[]} */
    const hints = [...motionHints(object, document.size, document.frames)];
    if (twin) hints.push({ kind: "doubled", frame: 0, other: twin.id });
    if (pixels && !isHidden(object, 0) && isFlat(pixels, boxAt(object, 0))) hints.push({ kind: "empty", frame: 0 });
    if (hints.length) found.set(object.id, hints);
  });
  return found;
}

/**
 * @param {DocumentObject} object
 * @param {Size} size of the clip in pixels
 * @param {number} frames
 * @returns {readonly Hint[]} at most one of a kind
 */
function motionHints(object, size, frames) {
  const key = `${size} ${frames}`;
  const before = known.get(object);
  if (before?.key === key) return before.hints;
  /** @type {Map<HintKind, number>} */
  const first = new Map();
  /** @param {HintKind} kind @param {number} frame @param {boolean} is */
  const note = (kind, frame, is) => is && !first.has(kind) && first.set(kind, frame);
  /** @type {Box | undefined} */
  let last;
  /** Where it was seen last, and whether it has been outside since. @type {Box | undefined} */
  let seen;
  let outside = false;
  for (let frame = 0; frame < frames; frame += 1) {
    const box = isHidden(object, frame) ? undefined : boxAt(object, frame);
    if (box && last) {
      note("fast", frame - 1, away(last, box) > FAST);
      note("grows", frame - 1, Math.max(box.w / last.w, last.w / box.w, box.h / last.h, last.h / box.h) > GROWS);
    }
    last = box;
    if (!box) continue;
    note("small", frame, Math.min(box.w * size[0], box.h * size[1]) < CELL);
    if (!isInFrame(box)) {
      outside = true;
      continue;
    }
    note("returns", frame, outside && seen !== undefined && away(seen, box) > ELSEWHERE);
    seen = box;
    outside = false;
  }
  const hints = [...first].map(([kind, frame]) => ({ kind, frame })).sort((a, b) => a.frame - b.frame);
  known.set(object, { key, hints });
  return hints;
}

/** How far a box moves, in its own widths or heights. @param {Box} from @param {Box} to */
function away(from, to) {
  return Math.max(Math.abs(to.x - from.x) / Math.min(from.w, to.w), Math.abs(to.y - from.y) / Math.min(from.h, to.h));
}

/** @param {Box} box */
function isInFrame({ x, y, w, h }) {
  return x + w / 2 > 0 && x - w / 2 < 1 && y + h / 2 > 0 && y - h / 2 < 1;
}

/** @param {DocumentObject} a @param {DocumentObject} b */
function isDoubled(a, b) {
  if (isHidden(a, 0) || isHidden(b, 0)) return false;
  const [one, other] = [boxAt(a, 0), boxAt(b, 0)];
  /** @param {"x" | "y"} at @param {"w" | "h"} side */
  const shared = (at, side) =>
    Math.max(Math.min(one[at] + one[side] / 2, other[at] + other[side] / 2) - Math.max(one[at] - one[side] / 2, other[at] - other[side] / 2), 0);
  const both = shared("x", "w") * shared("y", "h");
  return both / (one.w * one.h + other.w * other.h - both) > DOUBLED;
}

/**
 * Whether the picture is of one brightness in a box.
 * @param {Pixels} pixels
 * @param {Box} box
 * @returns {boolean} false for a box of which less than 2 x 2 pixels lie in the picture
 */
export function isFlat({ width, height, data }, { x, y, w, h }) {
  const [left, right] = [Math.max(Math.round((x - w / 2) * width), 0), Math.min(Math.round((x + w / 2) * width), width)];
  const [top, bottom] = [Math.max(Math.round((y - h / 2) * height), 0), Math.min(Math.round((y + h / 2) * height), height)];
  if (right - left < 2 || bottom - top < 2) return false;
  let [sum, squares] = [0, 0];
  for (let row = top; row < bottom; row += 1) {
    for (let at = 4 * (row * width + left); at < 4 * (row * width + right); at += 4) {
      const luma = 0.299 * data[at] + 0.587 * data[at + 1] + 0.114 * data[at + 2];
      sum += luma;
      squares += luma * luma;
    }
  }
  const count = (right - left) * (bottom - top);
  return squares / count - (sum / count) ** 2 < FLAT ** 2;
}
