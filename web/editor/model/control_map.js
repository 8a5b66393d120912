/**
 * One frame of the control map, as the model sees it: the same pixels as flashmotion_core/trajectory/drawing/control_map.py
 * (which states the rules), held to tests/golden/control_map. The editor knows no masks but the objects' own shapes.
 *
 * @import { Rectangle } from "./rectangle.js"
 * @import { Corner, HardMask } from "./soft_shapes.js"
 * @import { Sampled } from "./types.js"
 */

import { choice, number, whole } from "./checks.js";
import { shapeMask } from "./first_shape.js";
import { PALETTE } from "./palette.js";
import { pixelRectangle } from "./rectangle.js";

/** @typedef {{width: number, height: number, data: Uint8ClampedArray<ArrayBuffer>}} Picture RGBA, row by row */

/**
 * @param {Sampled} sampled its size is the picture's
 * @param {number} frame 0 is the clip's first, which is filled
 * @param {object} [options]
 * @param {"box" | "mask"} [options.mode] outlines or filled boxes on later frames
 * @param {number} [options.opacity] 0..1 of the palette on black; 0.5 is what released adapters were trained with
 * @param {number | null} [options.thickness] OpenCV's line thickness, 1..255; `defaultThickness` if left out
 * @returns {Picture} opaque
 * @throws {RangeError} for an option out of range
 */
export function renderControlMap(sampled, frame, { mode = "box", opacity = 0.5, thickness } = {}) {
  choice(mode, "mode", ["box", "mask"]);
  number(opacity, "opacity", 0, 1, "share of the palette's intensity");
  whole(frame, "frame", 0, sampled.frames - 1, `0-based, in a clip of ${sampled.frames} frames`);
  const line = whole(
    thickness ?? defaultThickness(sampled.size),
    "thickness",
    1,
    255,
    "of box outlines, as OpenCV counts",
  );
  const [width, height] = sampled.size;
  const data = new Uint8ClampedArray(width * height * 4);
  const pixels = new Uint32Array(data.buffer);
  pixels.fill(packed([0, 0, 0]));
  sampled.boxes.forEach((boxes, n) => {
    if (!sampled.visible[n][frame]) return;
    const rectangle = pixelRectangle(boxes.subarray(frame * 4, frame * 4 + 4), sampled.size);
    if (!rectangle) return;
    const color = packed(objectColor(n, opacity));
    /** Rows y0..y1 and columns x0..x1, all included. @type {Paint} */
    const paint = (y0, y1, x0, x1) => {
      const [first, last] = [Math.max(x0, 0), Math.min(x1 + 1, width)];
      for (let y = Math.max(y0, 0); y <= Math.min(y1, height - 1); y += 1) {
        if (last > first) pixels.fill(color, y * width + first, y * width + last);
      }
    };
    const { left, top, right, bottom } = rectangle;
    const [shape, start] = [sampled.shapes?.[n], boxes.subarray(0, 4)];
    if (frame > 0 && mode === "box") outline(paint, rectangle, line);
    else {
      const mask = shape && sampled.visible[n][0] ? shapeMask(shape, [...start], sampled.size) : null;
      if (mask) moved(paint, mask, [...start], [...boxes.subarray(frame * 4, frame * 4 + 4)], sampled.size);
      else paint(top, bottom - 1, left, right - 1);
    }
  });
  return { width, height, data };
}

/**
 * The control map's colour of the object at place `k` (0-based): red, green, blue.
 * @param {number} k
 * @param {number} [opacity]
 * @returns {[number, number, number]}
 */
export function objectColor(k, opacity = 0.5) {
  const color = PALETTE[(k + 1) % PALETTE.length];
  const share = Math.fround(opacity);
  // In float32 and rounded half to even, as OpenCV blends.
  const [red, green, blue] = [color >> 16, (color >> 8) & 255, color & 255].map((channel) => {
    const value = Math.fround(channel * share);
    const whole_ = Math.floor(value);
    const rest = value - whole_;
    return rest > 0.5 || (rest === 0.5 && whole_ % 2 === 1) ? whole_ + 1 : whole_;
  });
  return [red, green, blue];
}

/**
 * OpenCV's line thickness for a picture: a hundredth of the shorter side, at least 1; 7 at 1280 x 704.
 * @param {readonly [number, number]} size
 * @returns {number}
 */
export function defaultThickness([width, height]) {
  return Math.max(1, Math.floor(Math.min(width, height) / 100));
}

/** @typedef {(y0: number, y1: number, x0: number, x1: number) => void} Paint */

/**
 * The outline that cv2.rectangle draws through (left, top) and (right, bottom).
 * @param {Paint} paint
 * @param {Rectangle} rectangle
 * @param {number} thickness
 */
function outline(paint, { left, top, right, bottom }, thickness) {
  const radius = thickness === 1 ? 0 : (thickness + 1) >> 1;
  circle(radius).forEach((reach, away) => {
    if (away === 0) return;
    paint(top - away, top - away, left - reach, right + reach);
    paint(bottom + away, bottom + away, left - reach, right + reach);
  });
  paint(top, Math.min(top + radius, bottom), left - radius, right + radius);
  paint(Math.max(bottom - radius, top), bottom, left - radius, right + radius);
  paint(top, bottom, left - radius, left + radius);
  paint(top, bottom, right - radius, right + radius);
}

/**
 * The mask of frame 0, moved and scaled as its box, to the nearest pixel.
 * @param {Paint} paint
 * @param {HardMask} mask
 * @param {Corner} from the box on frame 0
 * @param {Corner} to the box now
 * @param {readonly [number, number]} size
 */
function moved(paint, mask, from, to, size) {
  const [across, down] = [sources(0, mask.left, mask.width), sources(1, mask.top, mask.height)];
  for (const [row, y] of down) {
    for (const [column, x] of across) if (mask.inside[y * mask.width + x]) paint(row, row, column, column);
  }

  /** The pixels that see the mask, and what each sees. @param {0 | 1} axis @param {number} first @param {number} count */
  function sources(axis, first, count) {
    const ratio = from[axis + 2] / to[axis + 2];
    const begin = to[axis] + (first - from[axis]) / ratio;
    const last = Math.min(Math.ceil(begin + count / ratio) + 1, size[axis]);
    /** @type {[number, number][]} */
    const found = [];
    for (let pixel = Math.max(Math.floor(begin) - 1, 0); pixel < last; pixel += 1) {
      const seen = Math.floor(from[axis] + (pixel + 0.5 - to[axis]) * ratio + 2 ** -20) - first;
      if (seen >= 0 && seen < count) found.push([pixel, seen]);
    }
    return found;
  }
}

/**
 * Half widths of a filled midpoint circle at 0, 1, ... `radius` rows from its centre.
 * @param {number} radius
 * @returns {number[]}
 */
function circle(radius) {
  const half = new Array(radius + 1).fill(0);
  let [across, along, error] = [radius, 0, 0];
  while (across >= along) {
    half[along] = Math.max(half[along], across);
    half[across] = Math.max(half[across], along);
    error += 2 * along + 1;
    along += 1;
    if (error > 0) {
      error -= 2 * across - 1;
      across -= 1;
    }
  }
  return half;
}

/**
 * An opaque colour as one 32-bit number, in the order of this machine's bytes.
 * @param {readonly [number, number, number]} color
 * @returns {number}
 */
function packed([red, green, blue]) {
  return new Uint32Array(new Uint8Array([red, green, blue, 255]).buffer)[0];
}
