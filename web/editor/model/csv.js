/**
 * Tables of boxes. The same text as flashmotion_core/trajectory/conversions/tables.py writes, and the same rules and sentences for
 * reading; errors of a table's quotes are named as Python's csv module names them.
 *
 * @import { Document } from "./types.js"
 */

import { splitCells } from "./delimited.js";
import { floatText } from "./format.js";
import { CSV_HEADER, readHeaded } from "./headed_tables.js";
import { MAX_TEXT } from "./limits.js";
import { sampleDocument } from "./sample.js";
import { toDocument } from "./track_table.js";

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
 * A document from such a table (untrusted; rows and columns in any order, any separator). The clip ends with the highest
 * frame; an object is hidden on frames without a row. Coordinates are pixels and frames count from 0; `readTracks` reads
 * tables of which that is not known.
 * @param {string} table
 * @param {{size: readonly number[], fps?: number, tolerance?: number}} options size in pixels; tolerance: see
 *   `fromBoxes`
 * @returns {Document}
 * @throws {RangeError} naming line and column
 */
export function fromCsv(table, { size, fps, tolerance = 0 }) {
  if (table.length > MAX_TEXT) {
    throw new RangeError(`table is a text of ${table.length} characters: give at most ${MAX_TEXT}.`);
  }
  return toDocument(readHeaded(splitCells(table), { strict: true }), { size, fps, tolerance }).document;
}

/** @param {string} cell */
function quoted(cell) {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}
