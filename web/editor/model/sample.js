/**
 * Keyframes -> boxes. The same IEEE operations in the same order as flashmotion_core/trajectory/sample.py (`+ - * /`,
 * sqrt and comparisons only), held to tests/golden/trajectory.json.
 *
 * @import { Box, Document, DocumentObject, Keyframe, Sampled } from "./types.js"
 */

import { choice, items, whole } from "./checks.js";
import { easedShare } from "./easing.js";
import { MAX_FRAMES, MAX_SIDE, MIN_EXTENT, MIN_SIDE } from "./limits.js";

/**
 * The boxes of every object on every frame of a clip.
 * @param {Document} document
 * @param {object} [options]
 * @param {number | null} [options.frames] length of the clip, 1 to 1025; the document's own if left out
 * @param {readonly [number, number] | readonly number[] | null} [options.size] width and height in pixels, 32 to 4096
 * @param {"retime" | "trim"} [options.fit] how a clip of another length is served: "retime" stretches the continuous
 *   motion over the clip, "trim" keeps the speed and holds the last frame
 * @returns {Sampled} boxes in pixels, x, y the top-left corner; not clipped, not rounded; also for hidden frames
 * @throws {RangeError} for an option out of range
 */
export function sampleDocument(document, { frames, size, fit = "retime" } = {}) {
  choice(fit, "fit", ["retime", "trim"]);
  const count = whole(frames ?? document.frames, "frames", 1, MAX_FRAMES, "length of the clip");
  const [w, h] = items(size ?? document.size, "size", 2, 2, "whole numbers, (width, height)");
  const width = whole(w, "size[0]", MIN_SIDE, MAX_SIDE, "width in pixels");
  const height = whole(h, "size[1]", MIN_SIDE, MAX_SIDE, "height in pixels");
  const times = sampleTimes(document.frames, count, fit);
  const boxes = document.objects.map((object) => {
    const found = new Float64Array(count * 4);
    for (let f = 0; f < count; f += 1) {
      const box = boxAt(object, times[f]);
      found[f * 4] = (box.x - box.w * 0.5) * width;
      found[f * 4 + 1] = (box.y - box.h * 0.5) * height;
      found[f * 4 + 2] = box.w * width;
      found[f * 4 + 3] = box.h * height;
    }
    return found;
  });
  const visible = document.objects.map((object) => Uint8Array.from(times, (t) => (isHidden(object, t) ? 0 : 1)));
  return { size: [width, height], frames: count, boxes, visible, shapes: document.objects.map(({ shape }) => shape) };
}

/**
 * The times, in frames of a document of `frames0` frames, that a clip of `frames` frames shows.
 * @param {number} frames0
 * @param {number} frames
 * @param {"retime" | "trim"} fit
 * @returns {Float64Array}
 */
export function sampleTimes(frames0, frames, fit) {
  return Float64Array.from({ length: frames }, (_, f) =>
    fit === "trim" ? Math.min(f, frames0 - 1) : (f * (frames0 - 1)) / Math.max(frames - 1, 1),
  );
}

/**
 * An object's box at a time: centre and size as fractions of the frame. It holds before the first and after the last
 * keyframe.
 * @param {DocumentObject} object
 * @param {number} t time in frames, fractions allowed
 * @returns {Box}
 */
export function boxAt(object, t) {
  const keys = object.keyframes;
  const k = segmentAt(keys, t);
  if (k < 0 || k === keys.length - 1) {
    const { x, y, w, h } = keys[Math.max(k, 0)];
    return { x, y, w: Math.max(w, MIN_EXTENT), h: Math.max(h, MIN_EXTENT) };
  }
  const [from, to] = [keys[k], keys[k + 1]];
  const u = easedShare(from.ease, (t - from.frame) / (to.frame - from.frame));
  const w = Math.max(from.w + (to.w - from.w) * u, MIN_EXTENT);
  const h = Math.max(from.h + (to.h - from.h) * u, MIN_EXTENT);
  if (object.path === "smooth") return { x: splineAt(keys, k, u, "x"), y: splineAt(keys, k, u, "y"), w, h };
  return { x: from.x + (to.x - from.x) * u, y: from.y + (to.y - from.y) * u, w, h };
}

/**
 * Whether the frame nearest to a time is in one of the object's hidden intervals.
 * @param {DocumentObject} object
 * @param {number} t time in frames
 * @returns {boolean}
 */
export function isHidden(object, t) {
  const nearest = Math.floor(t + 0.5);
  return object.hidden.some(([first, last]) => nearest >= first && nearest <= last);
}

/**
 * The index of the last keyframe at or before a time; -1 before the first.
 * @param {readonly Keyframe[]} keys
 * @param {number} t
 * @returns {number}
 */
export function segmentAt(keys, t) {
  let low = -1;
  let high = keys.length;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (keys[middle].frame <= t) low = middle;
    else high = middle;
  }
  return low;
}

/**
 * One coordinate of the centripetal Catmull-Rom spline through the keyframes' centres, at share `u` of segment `k`. The
 * formulas are in sample.py, `spline_centres`; outside 0..1 the path continues straight.
 * @param {readonly Keyframe[]} keys
 * @param {number} k
 * @param {number} u
 * @param {"x" | "y"} axis
 * @returns {number}
 */
function splineAt(keys, k, u, axis) {
  const p0 = keys[k][axis];
  const p1 = keys[k + 1][axis];
  const chord = p1 - p0;
  const d = knotDistance(keys, k);
  const m0 = k > 0 ? tangent(keys, k, axis, d, chord) : chord;
  const m1 = k + 2 < keys.length ? tangent(keys, k + 1, axis, d, chord) : chord;
  if (u < 0) return p0 + u * m0;
  if (u > 1) return p1 + (u - 1) * m1;
  return p0 + u * (m0 + u * (3 * chord - 2 * m0 - m1 + u * (m0 + m1 - 2 * chord)));
}

/**
 * `d` times the spline's velocity at the inner keyframe `i`; the chord where its neighbours are not distinct.
 * @param {readonly Keyframe[]} keys
 * @param {number} i
 * @param {"x" | "y"} axis
 * @param {number} d
 * @param {number} chord
 * @returns {number}
 */
function tangent(keys, i, axis, d, chord) {
  const before = knotDistance(keys, i - 1);
  const after = knotDistance(keys, i);
  if (!(before > 0 && after > 0)) return chord;
  const [p, q, r] = [keys[i - 1][axis], keys[i][axis], keys[i + 1][axis]];
  return d * ((q - p) / before - (r - p) / (before + after) + (r - q) / after);
}

/**
 * The square root of the chord's length.
 * @param {readonly Keyframe[]} keys
 * @param {number} k
 * @returns {number}
 */
function knotDistance(keys, k) {
  const dx = keys[k + 1].x - keys[k].x;
  const dy = keys[k + 1].y - keys[k].y;
  return Math.sqrt(Math.sqrt(dx * dx + dy * dy));
}
