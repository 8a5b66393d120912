/**
 * Easing: the share of a segment travelled after a share of its time. The same IEEE operations in the same
 * order as flashmotion_core/trajectory/easing.py; "in", "out" and "in-out" are CSS's ease-in, ease-out and ease-in-out.
 *
 * @import { Bezier, Ease } from "./types.js"
 */

/** @type {Readonly<Record<"in" | "out" | "in-out", Bezier>>} */
const NAMED_BEZIERS = {
  "in": [0.42, 0, 1, 1],
  "out": [0, 0, 0.58, 1],
  "in-out": [0.42, 0, 0.58, 1],
};
/** 2**-54: below the spacing of doubles at 1. */
const BISECTIONS = 54;

/**
 * The curve's control points; null for "linear" and "hold", which are not beziers.
 * @param {Ease} ease
 * @returns {Bezier | null}
 */
export function asBezier(ease) {
  if (ease === "linear" || ease === "hold") return null;
  return typeof ease === "string" ? NAMED_BEZIERS[ease] : ease;
}

/**
 * The curve parameter in 0..1 at which the bezier's x coordinate is `x` (0..1), by plain bisection.
 * @param {number} x
 * @param {number} x1
 * @param {number} x2
 * @returns {number}
 */
function bezierParameter(x, x1, x2) {
  const c = 3 * x1;
  const b = 3 * (x2 - x1) - c;
  const a = 1 - c - b;
  let low = 0;
  let high = 1;
  for (let step = 0; step < BISECTIONS; step += 1) {
    const s = (low + high) * 0.5;
    if (((a * s + b) * s + c) * s < x) low = s;
    else high = s;
  }
  return (low + high) * 0.5;
}

/**
 * The bezier's y at `x` in 0..1; exactly 0 at 0.
 * @param {number} x
 * @param {Bezier} bezier
 * @returns {number}
 */
function bezierFraction(x, [x1, y1, x2, y2]) {
  if (x === 0) return 0;
  const s = bezierParameter(x, x1, x2);
  const c = 3 * y1;
  const b = 3 * (y2 - y1) - c;
  const a = 1 - c - b;
  return ((a * s + b) * s + c) * s;
}

/**
 * The travelled share after the time share `x` (0..1). It may leave 0..1 (overshoot).
 * @param {Ease} ease
 * @param {number} x
 * @returns {number}
 */
export function easedShare(ease, x) {
  if (ease === "hold") return 0;
  const bezier = asBezier(ease);
  return bezier ? bezierFraction(x, bezier) : x;
}

/**
 * Cut a curve at the time share `x` in (0, 1): the travelled share there, and the ease of the part before it. That is
 * null where the part does not fit a document (it ends where it began, or a control point leaves the limits).
 * @param {Ease} ease
 * @param {number} x
 * @returns {{share: number, ease: Ease | null}}
 */
export function cutEase(ease, x) {
  if (ease === "hold") return { share: 0, ease: "hold" };
  const bezier = asBezier(ease);
  if (!bezier) return { share: x, ease: "linear" };
  const [x1, y1, x2, y2] = bezier;
  const s = bezierParameter(x, x1, x2);
  // De Casteljau: first control points, second ones and end of the left part.
  const ax = s * x1;
  const ay = s * y1;
  const bx = (1 - s) * ax + s * ((1 - s) * x1 + s * x2);
  const by = (1 - s) * ay + s * ((1 - s) * y1 + s * y2);
  const share = bezierFraction(x, bezier);
  if (Math.abs(share) < 1e-9) return { share, ease: null };
  // + 0 removes a negative zero, which a text would not keep.
  const part = [ax / x, ay / share + 0, bx / x, by / share + 0];
  const first = Math.min(Math.max(part[0], 0), 1);
  const second = Math.min(Math.max(part[2], 0), 1);
  const fits =
    Math.max(Math.abs(part[0] - first), Math.abs(part[2] - second)) < 1e-12 &&
    part[1] >= -2 &&
    part[1] <= 3 &&
    part[3] >= -2 &&
    part[3] <= 3;
  return { share, ease: fits ? [first, part[1], second, part[3]] : null };
}

/**
 * The curve run backwards: 1 - ease(1 - x). "hold" stays (its mirror, jump and then stay, is not a curve: see `reverse`).
 * @param {Ease} ease
 * @returns {Ease}
 */
export function reverseEase(ease) {
  if (ease === "in") return "out";
  if (ease === "out") return "in";
  if (typeof ease === "string") return ease;
  const [x1, y1, x2, y2] = ease;
  return [1 - x2, 1 - y2, 1 - x1, 1 - y1];
}

/**
 * The eases of both parts of a curve cut at the time share `x` in (0, 1); null where a part does not fit a document.
 * @param {Ease} ease
 * @param {number} x
 * @returns {{before: Ease, after: Ease} | null}
 */
export function splitEase(ease, x) {
  const before = cutEase(ease, x).ease;
  const after = cutEase(reverseEase(ease), 1 - x).ease;
  return before !== null && after !== null ? { before, after: reverseEase(after) } : null;
}

/**
 * When a curve that never goes back reaches a share: the inverse of `easedShare`.
 * @param {Bezier | "linear"} ease with y1 and y2 in 0..1
 * @param {number} share 0 to 1
 * @returns {number} the time share, 0 to 1
 */
export function timeOfShare(ease, share) {
  if (ease === "linear" || share <= 0 || share >= 1) return Math.min(Math.max(share, 0), 1);
  const [x1, y1, x2, y2] = ease;
  const s = bezierParameter(share, y1, y2);
  return 3 * (1 - s) * (1 - s) * s * x1 + 3 * (1 - s) * s * s * x2 + s * s * s;
}

/**
 * The piece of a curve between two time shares, as an ease of its own.
 * @param {Ease} ease
 * @param {number} from 0 to 1
 * @param {number} to after `from`, to 1
 * @returns {Ease} "linear" where the piece does not fit a document
 */
export function partOfEase(ease, from, to) {
  if (!(to > from)) return "linear";
  const before = to < 1 ? cutEase(ease, to).ease : ease;
  if (before === null || from <= 0) return before ?? "linear";
  const after = cutEase(reverseEase(before), 1 - from / to).ease;
  return after === null ? "linear" : reverseEase(after);
}
