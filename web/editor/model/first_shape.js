/**
 * An object's shape in frame 0: cells stretched over the box that it has there, as run lengths. The same as
 * flashmotion_core/trajectory/first_shape.py, which states the rules, held to tests/golden/first_shape.json.
 *
 * @import { FirstShape } from "./types.js"
 * @import { Corner, HardMask, Size } from "./soft_shapes.js"
 *
 * @typedef {{readonly columns: number, readonly rows: number, readonly inside: Uint8Array}} Cells 1 inside, row by row
 */

import { fail, fields, items, whole } from "./checks.js";
import { pixelRectangle } from "./rectangle.js";
import { MAX_RUNS, MAX_SHAPE_SIDE } from "./limits.js";

/** @type {WeakMap<FirstShape, Cells>} Shapes are immutable. */
const known = new WeakMap();

/**
 * @param {unknown} value
 * @param {string} field its place, for the sentence
 * @returns {FirstShape}
 * @throws {RangeError} one sentence
 */
export function parseShape(value, field) {
  const data = fields(value, field, ["columns", "rows", "runs"]);
  const columns = whole(data.columns, `${field}.columns`, 1, MAX_SHAPE_SIDE, "cells across the box");
  const rows = whole(data.rows, `${field}.rows`, 1, MAX_SHAPE_SIDE, "cells down the box");
  const runs = items(data.runs, `${field}.runs`, 2, MAX_RUNS, "numbers of cells").map((run, index) =>
    whole(run, `${field}.runs[${index}]`, index ? 1 : 0, MAX_SHAPE_SIDE ** 2, "cells outside, inside, outside ..."),
  );
  const sum = runs.reduce((total, run) => total + run, 0);
  if (sum !== columns * rows) {
    fail(`${field}.runs`, runs, `make them add up to columns * rows, ${columns * rows}, they are ${sum}`);
  }
  return { columns, rows, runs };
}

/**
 * @param {FirstShape} shape
 * @returns {Cells}
 */
export function toCells(shape) {
  const found = known.get(shape);
  if (found) return found;
  const inside = new Uint8Array(shape.columns * shape.rows);
  let at = 0;
  shape.runs.forEach((run, index) => {
    if (index % 2) inside.fill(1, at, at + run);
    at += run;
  });
  const cells = { columns: shape.columns, rows: shape.rows, inside };
  known.set(shape, cells);
  return cells;
}

/**
 * @param {Cells} cells each side 1 to 512
 * @returns {FirstShape}
 * @throws {RangeError} when none is inside, or for more than 4096 runs
 */
export function fromCells({ columns, rows, inside }) {
  const runs = [];
  let [state, since] = [0, 0];
  for (let i = 0; i < inside.length; i += 1) {
    if (inside[i] === state) continue;
    runs.push(i - since);
    [state, since] = [inside[i], i];
  }
  runs.push(inside.length - since);
  return parseShape({ columns, rows, runs }, "shape");
}

/**
 * A shape turned over.
 * @param {FirstShape} shape
 * @param {"x" | "y"} along x swaps left and right
 * @returns {FirstShape}
 */
export function mirrored(shape, along) {
  const { columns, rows, inside } = toCells(shape);
  const turned = inside.map((_, i) => {
    const [column, row] = [i % columns, Math.floor(i / columns)];
    return along === "x" ? inside[row * columns + columns - 1 - column] : inside[(rows - 1 - row) * columns + column];
  });
  return fromCells({ columns, rows, inside: turned });
}

/**
 * The pixels of a shape in a picture.
 * @param {FirstShape} shape
 * @param {Corner} box on frame 0, in pixels
 * @param {Size} size of the picture
 * @returns {HardMask | null} null: the box is outside; the filled box where no pixel of the shape is in the picture
 */
export function shapeMask(shape, box, size) {
  const rectangle = pixelRectangle(box, size);
  if (!rectangle) return null;
  const { columns, rows, inside } = toCells(shape);
  const [across, down] = [cellsSeen(box[0], box[2], columns, size[0]), cellsSeen(box[1], box[3], rows, size[1])];
  const mask = cropped({
    left: across.first, top: down.first, width: across.cells.length, height: down.cells.length,
    at: (column, row) => inside[down.cells[row] * columns + across.cells[column]],
  });
  if (mask) return mask;
  const { left, top, right, bottom } = rectangle;
  return { left, top, width: right - left, height: bottom - top, inside: new Uint8Array((right - left) * (bottom - top)).fill(1) };
}

/** Along one axis: the cells that pixels see, from pixel `first` on. @param {number} start @param {number} extent @param {number} count @param {number} limit */
function cellsSeen(start, extent, count, limit) {
  const last = Math.min(Math.ceil(start + extent) + 1, limit);
  let first = -1;
  const cells = [];
  for (let pixel = Math.max(Math.floor(start) - 1, 0); pixel < last; pixel += 1) {
    const cell = Math.floor(((pixel + 0.5 - start) * count) / extent + 2 ** -20);
    if (cell < 0 || cell >= count) continue;
    if (first < 0) first = pixel;
    cells.push(cell);
  }
  return { first, cells };
}

/**
 * Without the empty rows and columns around.
 * @param {{left: number, top: number, width: number, height: number, at: (column: number, row: number) => number}} window
 * @returns {HardMask | null} null: nothing is inside
 */
function cropped({ left, top, width, height, at }) {
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (at(x, y)) [x0, x1, y0, y1] = [Math.min(x0, x), Math.max(x1, x + 1), Math.min(y0, y), y + 1];
    }
  }
  if (!y1) return null;
  const inside = new Uint8Array((x1 - x0) * (y1 - y0));
  for (let y = y0; y < y1; y += 1) for (let x = x0; x < x1; x += 1) inside[(y - y0) * (x1 - x0) + x - x0] = at(x, y);
  return { left: left + x0, top: top + y0, width: x1 - x0, height: y1 - y0, inside };
}
