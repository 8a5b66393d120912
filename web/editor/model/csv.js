/**
 * Tables of boxes. The same text as flashmotion_core/trajectory/tables.py writes, and the same rules and sentences for
 * reading; errors of a table's quotes are named as Python's csv module names them.
 *
 * @import { Document } from "./types.js"
 */

import { fail, number, text, whole } from "./checks.js";
import { readRows } from "./csv_rows.js";
import { floatText, shorten } from "./format.js";
import { MAX_FRAMES, MAX_ID, MAX_LABEL, MAX_OBJECTS, MAX_TEXT } from "./limits.js";
import { sampleDocument } from "./sample.js";
import { fromBoxes } from "./simplify.js";

const CSV_HEADER = ["frame", "id", "label", "x", "y", "w", "h", "visible"];

/** @typedef {{box: number[], visible: boolean}} Row */

/**
 * One row per frame and object, hidden ones too: pixels, x, y the top-left corner; visible is 1 or 0; lines end with CR
 * LF.
 * @param {Document} document
 * @returns {string}
 */
export function toCsv(document) {
  const { boxes, visible, frames } = sampleDocument(document);
  const lines = [CSV_HEADER.join(",")];
  for (let f = 0; f < frames; f += 1) {
    document.objects.forEach(({ id, label }, n) => {
      const box = Array.from(boxes[n].subarray(f * 4, f * 4 + 4), floatText);
      lines.push([f, quoted(id), quoted(label), ...box, visible[n][f]].join(","));
    });
  }
  return `${lines.join("\r\n")}\r\n`;
}

/**
 * A document from such a table (untrusted; rows in any order). The clip ends with the highest frame; an object is
 * hidden on frames without a row.
 * @param {string} table
 * @param {{size: readonly number[], fps?: number, tolerance?: number}} options size in pixels; tolerance: see
 *   `fromBoxes`
 * @returns {Document}
 * @throws {RangeError} naming line and column
 */
export function fromCsv(table, { size, fps, tolerance }) {
  if (table.length > MAX_TEXT) {
    throw new RangeError(`table is a text of ${table.length} characters: give at most ${MAX_TEXT}.`);
  }
  const rows = readRows(table);
  const header = rows.next().value?.cells ?? [];
  if (header.length !== CSV_HEADER.length || header.some((name, index) => strip(name) !== CSV_HEADER[index])) {
    fail("line 1", header.join(","), `give the header ${CSV_HEADER.join(",")}`);
  }
  /** @type {Map<string, {label: string, rows: Map<number, Row>}>} */
  const objects = new Map();
  for (const { cells, line } of rows) {
    if (cells.length) readRow(cells, `line ${line}`, objects);
  }
  if (objects.size === 0) {
    throw new RangeError("table has a header but no rows: give one row per frame and object.");
  }
  const found = [...objects.values()];
  const frames = 1 + found.reduce((most, object) => Math.max(most, ...object.rows.keys()), 0);
  const boxes = found.map((object) => {
    const track = new Float64Array(frames * 4).fill(NaN);
    for (const [frame, { box }] of object.rows) track.set(box, frame * 4);
    return track;
  });
  const visible = found.map((object) =>
    Uint8Array.from({ length: frames }, (_, frame) => (object.rows.get(frame)?.visible ? 1 : 0)),
  );
  const labels = found.map(({ label }) => label);
  return fromBoxes({ boxes, visible, size, fps, tolerance, ids: [...objects.keys()], labels });
}

/**
 * @param {readonly string[]} cells
 * @param {string} line
 * @param {Map<string, {label: string, rows: Map<number, Row>}>} objects
 */
function readRow(cells, line, objects) {
  if (cells.length !== CSV_HEADER.length) {
    fail(line, `${cells.length} columns`, `give ${CSV_HEADER.length} columns, ${CSV_HEADER.join(",")}`);
  }
  const [frameCell, idCell, labelCell, ...numbers] = cells;
  const frameText = strip(frameCell);
  const frameValue = /^[0-9]{1,9}$/.test(frameText) ? Number(frameText) : frameCell;
  const frame = whole(frameValue, `${line}, frame`, 0, MAX_FRAMES - 1, "0-based");
  const id = text(idCell, `${line}, id`, 1, MAX_ID, "the object's id");
  const label = text(labelCell, `${line}, label`, 0, MAX_LABEL, "the object's label");
  const object = objects.get(id) ?? { label, rows: new Map() };
  objects.set(id, object);
  if (objects.size > MAX_OBJECTS) fail(`${line}, id`, id, `keep at most ${MAX_OBJECTS} objects`);
  const box = ["x", "y", "w", "h"].map((column, index) => {
    const cell = strip(numbers[index]);
    const isNumber = cell.length < 64 && /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$/.test(cell);
    const size = index >= 2;
    return number(isNumber ? Number(cell) : numbers[index], `${line}, ${column}`, size ? 0 : -1e6, 1e6, "pixels", size);
  });
  const shown = strip(numbers[4]);
  if (shown !== "0" && shown !== "1") fail(`${line}, visible`, numbers[4], "give 1 (visible) or 0 (hidden)");
  if (object.rows.has(frame)) {
    throw new RangeError(`${line} is a second row for frame ${frame} of ${shorten(id)}: keep one.`);
  }
  object.rows.set(frame, { box, visible: shown === "1" });
}

/** Without white space at the ends, as Python counts it: a byte order mark does not count. @param {string} cell */
function strip(cell) {
  // eslint-disable-next-line no-control-regex
  return cell.replace(/^(?:(?!\uFEFF)[\s\x1c-\x1f\x85])+|(?:(?!\uFEFF)[\s\x1c-\x1f\x85])+$/g, "");
}

/** @param {string} cell */
function quoted(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
