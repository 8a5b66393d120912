/**
 * Tables without a header whose second column is a name: DarkLabel's, and frame, label, x1, y1, x2, y2. The same rules and
 * sentences as flashmotion_core/trajectory/tracks/darklabel.py.
 *
 * @import { Cells } from "./delimited.js"
 * @import { TrackTable } from "./track_table.js"
 */

import { numberIn } from "./delimited.js";
import { readBoxes } from "./headed_tables.js";
import { areFractions, counted, firstFrame, lowestFrame } from "./track_table.js";

/** Whether the first row is a number, a name, perhaps an id, and four numbers. @param {Cells} table */
export function isDarklabel({ rows, separator }) {
  const first = rows[0]?.cells ?? [];
  const numbers = first.map((cell) => numberIn(cell, separator));
  return (first.length === 6 || first.length === 7) && numbers[0] !== undefined && numbers[1] === undefined
    && numbers.slice(-4).every((value) => value !== undefined);
}

/**
 * The boxes of such a table.
 * @param {Cells} table
 * @param {readonly number[]} [size] of the picture in pixels, if known: boxes that reach outside it are corners
 * @param {boolean} [corners] the last two columns are a corner or an extent; left out, the numbers must show it
 * @returns {TrackTable}
 * @throws {RangeError} naming line and column, and when the numbers can mean both
 */
export function readDarklabel(table, size, corners) {
  const count = table.rows[0].cells.length;
  const names = count === 6 ? ["frame", "label", "x", "y"] : ["frame", "label", "id", "x", "y"];
  const areCorners = corners ?? showCorners(table, size);
  const all = [...names, ...(areCorners ? ["x2", "y2"] : ["w", "h"])];
  const { rows, missing, last } = readBoxes(table, table.rows, {
    roles: new Map(all.map((role, index) => [role, index])),
    layout: areCorners ? ["x", "y", "x2", "y2"] : ["x", "y", "w", "h"],
    count,
    unused: [],
  });
  if (!rows.length) throw new RangeError("table has no row with a box: give one row per frame and object.");
  return {
    format: `${count === 7 ? "DarkLabel" : "CSV without a header"} (${all.join(", ")})`,
    rows,
    countedFrom: firstFrame(rows, count === 7 ? 0 : Number(lowestFrame(rows) === 1)),
    fractions: areFractions(rows),
    lastFrame: last,
    notices: counted("left_out", missing),
  };
}

/** @param {Cells} table @param {readonly number[]} [size] */
function showCorners({ rows, separator }, size) {
  let [right, bottom] = [0, 0];
  for (const { cells } of rows) {
    const numbers = cells.slice(-4).map((cell) => numberIn(cell, separator));
    if (numbers.length < 4 || numbers.includes(undefined)) continue;
    const [x, y, c, d] = /** @type {number[]} */ (numbers);
    if (c <= x || d <= y) return false;
    [right, bottom] = [Math.max(right, x + c), Math.max(bottom, y + d)];
  }
  const [width, height] = Math.max(right, bottom) <= 4 ? [1, 1] : size ?? [Infinity, Infinity];
  if (right > width || bottom > height) return true;
  throw new RangeError(
    "table does not say whether its last two columns are a width and height or a corner: write a first line above it, " +
      "frame,label,x,y,w,h or frame,label,x1,y1,x2,y2 (with id after label, if there is one).",
  );
}
