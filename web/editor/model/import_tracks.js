/**
 * Tracks from any tool: a text is recognised by what it holds, never by its file's name. The same rules and sentences as
 * flashmotion_core/trajectory/tracks/import_tracks.py.
 *
 * @import { Document } from "./types.js"
 * @import { Notice, TrackChoices, TrackTable } from "./track_table.js"
 */

import { isCoco, readCoco } from "./coco_json.js";
import { readCvat } from "./cvat_xml.js";
import { isDarklabel, readDarklabel } from "./darklabel.js";
import { splitCells } from "./delimited.js";
import { parse } from "./document.js";
import { shorten } from "./format.js";
import { hasHeader, readHeaded } from "./headed_tables.js";
import { decodeJson } from "./json.js";
import { isMot, readMot } from "./mot.js";
import { withoutMark } from "./read_text.js";
import { toDocument } from "./track_table.js";

/** Characters of a text of tracks. */
export const MAX_TABLE = 50_000_000;
const REMEDY =
  "give a trajectory document, a table whose first line names frame, id, x, y, w, h, " +
  "a MOT or DarkLabel table, CVAT's XML for video or COCO JSON";

/**
 * A document from an untrusted text: our document as it is, a table, MOT, DarkLabel, CVAT's XML for video, or COCO JSON.
 * @param {string} source
 * @param {TrackChoices} [choices] for all kinds but our document
 * @returns {{document: Document, notices: readonly Notice[]}} with what was recognised and what was left out
 * @throws {RangeError} one sentence
 */
export function readTracks(source, choices = {}) {
  const table = recognise(source, choices.size);
  if (table) return toDocument(table, choices);
  const { document, problem } = parse(source);
  if (!document) throw new RangeError(problem);
  return { document, notices: [] };
}

/**
 * The table in a text, or undefined when the text is a trajectory document (or JSON of another kind).
 * @param {string} text
 * @param {readonly number[]} [size] of the picture in pixels, if known; it helps to tell corners from extents
 * @returns {TrackTable | undefined}
 * @throws {RangeError} one sentence
 */
export function recognise(text, size) {
  if (text.length > MAX_TABLE) {
    throw new RangeError(`table is a text of ${text.length} characters: give at most ${MAX_TABLE}.`);
  }
  const source = withoutMark(text);
  const start = /[^ \t\r\n]/.exec(source)?.[0];
  if (start === undefined) throw new RangeError(`table is empty: ${REMEDY}.`);
  if (start === "{" || start === "[") {
    if (!source.includes('"annotations"')) return undefined;
    const data = decodeJson(source, "table");
    return isCoco(data) ? readCoco(data) : undefined;
  }
  if (start === "<") return readCvat(source);
  const table = splitCells(source);
  if (!table.rows.length) throw new RangeError(`table is empty: ${REMEDY}.`);
  if (isMot(table)) return readMot(table);
  if (isDarklabel(table)) return readDarklabel(table, size);
  if (hasHeader(table)) return readHeaded(table);
  const [first] = table.rows;
  throw new RangeError(`line ${first.line} is ${shorten(first.cells.join(table.separator))}: ${REMEDY}.`);
}
