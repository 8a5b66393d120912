/**
 * Boxes as a tool's table lists them, and the document that they make. The same rules and sentences as
 * flashmotion_core/trajectory/tracks/track_table.py, held to tests/golden/tracks.json.
 *
 * @import { Document } from "./types.js"
 *
 * @typedef {"read_as" | "counted_from" | "fractions" | "pixels" | "chosen" | "left_out" | "ignored" | "columns" | "occluded" |
 *   "shapes" | "by_name" | "by_id" | "simplified"} NoticeName
 * @typedef {{name: NoticeName, values: readonly string[]}} Notice something that a reader decided or left out
 * @typedef {readonly [number, number, number, number]} Pixels x, y, w, h with the top-left corner
 * @typedef {{place: string, frame: number, id: string, label: string, box: Pixels, visible: boolean}} TrackRow
 *
 * @typedef {object} TrackTable what a file says
 * @property {string} format the kind of file
 * @property {readonly TrackRow[]} rows in the file's order; not empty
 * @property {number} countedFrom 0 or 1, the number of the file's first frame
 * @property {boolean} fractions coordinates are fractions of the frame, not pixels
 * @property {readonly [number, number]} [size] width and height of the picture in pixels, if the file says it
 * @property {number} [lastFrame] as the file counts it, if the file says it
 * @property {boolean} [holds] a box moves straight to the next row's and stays after the last; otherwise no row is hidden
 * @property {readonly Notice[]} notices
 *
 * @typedef {object} TrackChoices
 * @property {readonly number[]} [size] width and height in pixels, used where the file does not say it
 * @property {number} [frames] the least length of the clip
 * @property {number} [fps]
 * @property {number} [tolerance] pixels; left out, exact where 512 keyframes suffice, else the smallest that fits
 * @property {readonly string[]} [objects] ids of the objects to take; all if left out
 * @property {number} [countedFrom] in place of what the reader recognised
 * @property {boolean} [fractions] in place of what the reader recognised
 */

import { fail, text, whole } from "./checks.js";
import { shorten, shortNumberText } from "./format.js";
import { MAX_FRAMES, MAX_ID, MAX_LABEL, MAX_OBJECTS } from "./limits.js";
import { fromBoxes } from "./simplify.js";

const MOST_SHOWN = 12;
/** Tried one after the other, in pixels, when exact boxes need more keyframes than an object may have. */
const TOLERANCES = [0, 0.25, 0.5, 1, 2, 4, 8, 16];

/**
 * The document of a table's rows.
 * @param {TrackTable} table from a reader
 * @param {TrackChoices} [choices]
 * @returns {{document: Document, notices: readonly Notice[]}}
 * @throws {RangeError} naming the place in the file
 */
export function toDocument(table, { size: given, frames: least, fps, tolerance, objects, countedFrom, fractions } = {}) {
  const size = table.size ?? given;
  if (!size) {
    throw new RangeError(
      `size is missing, and ${table.format} does not say how large the picture is: give its width and height in pixels.`,
    );
  }
  const first = countedFrom ?? table.countedFrom;
  const scaled = fractions ?? table.fractions;
  const labels = labelsOf(table);
  const chosen = choose(labels, objects);
  /** @type {Map<string, Map<number, TrackRow>>} */
  const found = new Map(chosen.map((id) => [id, new Map()]));
  for (const row of table.rows) {
    const rows = found.get(row.id);
    if (!rows) continue;
    const frame = whole(row.frame, `${row.place}, frame`, first, MAX_FRAMES - 1 + first, `counted from ${first}; cut a longer table`) - first;
    if (rows.has(frame)) {
      throw new RangeError(`${row.place} is a second box for frame ${row.frame} of ${shorten(row.id)}: keep one.`);
    }
    rows.set(frame, row);
  }
  let frames = 1;
  for (const rows of found.values()) for (const frame of rows.keys()) frames = Math.max(frames, frame + 1);
  if (table.lastFrame !== undefined) frames = Math.max(frames, Math.min(table.lastFrame - first + 1, MAX_FRAMES));
  if (least !== undefined) frames = Math.max(frames, whole(least, "frames", 1, MAX_FRAMES, "least length of the clip"));
  const tracks = [...found.values()].map((rows) => trackOf(rows, frames, table.holds === true));
  if (scaled) for (const { boxes } of tracks) boxes.forEach((value, at) => { boxes[at] = value * size[at % 2]; });
  const ids = chosen.map((id) => text(id, "id", 1, MAX_ID, "the object's id"));
  const names = chosen.map((id) => text(labels.get(id), `label of ${shorten(id)}`, 0, MAX_LABEL, "the object's label"));
  const { document, slack } = fitted({
    boxes: tracks.map(({ boxes }) => boxes),
    visible: tracks.map(({ visible }) => visible),
    size, fps, ids, labels: names,
  }, tolerance);
  /** @type {Notice[]} */
  const notices = [
    { name: "read_as", values: [table.format, String(ids.length), String(frames)] },
    { name: "counted_from", values: [String(first)] },
  ];
  if (scaled) notices.push({ name: "fractions", values: [] });
  else if (!table.size) notices.push({ name: "pixels", values: document.size.map(String) });
  if (chosen.length < labels.size) notices.push({ name: "chosen", values: [String(chosen.length), String(labels.size)] });
  notices.push(...table.notices);
  if (tolerance === undefined && slack) notices.push({ name: "simplified", values: [shortNumberText(slack)] });
  return { document, notices };
}

/**
 * The number of rows of each object, in the order of the file.
 * @param {TrackTable} table
 * @returns {Map<string, number>}
 */
export function objectsOf(table) {
  const counts = new Map();
  for (const { id } of table.rows) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}

/**
 * Whether no box is larger than 1 or reaches beyond 2: pixels would make boxes too small to see.
 * @param {readonly TrackRow[]} rows
 * @returns {boolean}
 */
export function areFractions(rows) {
  return rows.every(({ box: [x, y, w, h] }) => w <= 1 && h <= 1 && x >= -1 && y >= -1 && x + w <= 2 && y + h <= 2);
}

/**
 * Where a file begins to count: at 0 if it has a frame 0, else where its format usually does.
 * @param {readonly TrackRow[]} rows
 * @param {number} usual
 * @returns {number}
 */
export function firstFrame(rows, usual) {
  return rows.some(({ frame }) => frame === 0) ? 0 : usual;
}

/** The smallest frame number. @param {readonly TrackRow[]} rows */
export function lowestFrame(rows) {
  return rows.reduce((least, { frame }) => Math.min(least, frame), Infinity);
}

/**
 * How many places were met, and the first of them; no notice if none was.
 * @param {NoticeName} name
 * @param {readonly string[]} places
 * @returns {Notice[]}
 */
export function counted(name, places) {
  return places.length ? [{ name, values: [String(places.length), places[0]] }] : [];
}

/** Each object's label, from its first row. @param {TrackTable} table @returns {Map<string, string>} */
function labelsOf(table) {
  const labels = new Map();
  for (const { id, label } of table.rows) if (!labels.has(id)) labels.set(id, label);
  return labels;
}

/**
 * The ids to take, in the file's order.
 * @param {Map<string, string>} labels
 * @param {readonly string[]} [objects]
 * @returns {string[]}
 */
function choose(labels, objects) {
  const all = [...labels.keys()];
  const wanted = objects ? all.filter((id) => objects.includes(id)) : all;
  for (const id of objects ?? []) if (!labels.has(id)) fail("objects", id, `choose from the file's ${listed(all)}`);
  if (wanted.length > MAX_OBJECTS) {
    throw new RangeError(`table has ${wanted.length} objects (${listed(wanted)}): choose at most ${MAX_OBJECTS} of them by their ids.`);
  }
  if (!wanted.length) throw new RangeError(`objects is empty: choose from the file's ${listed(all)}.`);
  return wanted;
}

/** @param {readonly string[]} names */
function listed(names) {
  const shown = names.slice(0, MOST_SHOWN).map(shorten).join(", ");
  return names.length > MOST_SHOWN ? `${shown} and ${names.length - MOST_SHOWN} more` : shown;
}

/**
 * @param {Map<number, TrackRow>} rows
 * @param {number} frames
 * @param {boolean} holds
 */
function trackOf(rows, frames, holds) {
  const boxes = new Float64Array(frames * 4).fill(NaN);
  const visible = new Uint8Array(frames);
  for (const [frame, row] of rows) {
    boxes.set(row.box, frame * 4);
    visible[frame] = row.visible ? 1 : 0;
  }
  if (holds) hold(boxes, visible, [...rows.keys()].sort((one, other) => one - other));
  return { boxes, visible };
}

/**
 * Fill what lies between the rows: straight lines from visible boxes, nothing after hidden ones.
 * @param {Float64Array} boxes
 * @param {Uint8Array} visible
 * @param {readonly number[]} frames with a row, rising
 */
function hold(boxes, visible, frames) {
  frames.forEach((start, index) => {
    if (!visible[start]) return;
    const next = index + 1 < frames.length;
    const end = next ? frames[index + 1] : visible.length;
    for (let frame = start + 1; frame < end; frame += 1) {
      const share = (frame - start) / (end - start);
      for (let i = 0; i < 4; i += 1) {
        const from = boxes[start * 4 + i];
        const goal = next ? boxes[end * 4 + i] : from;
        boxes[frame * 4 + i] = from + (goal - from) * share;
      }
      visible[frame] = 1;
    }
  });
}

/**
 * @param {Parameters<typeof fromBoxes>[0]} boxes
 * @param {number | undefined} tolerance
 * @returns {{document: Document, slack: number}}
 */
function fitted(boxes, tolerance) {
  const tried = tolerance === undefined ? TOLERANCES : [tolerance];
  for (const slack of tried) {
    try {
      return { document: fromBoxes({ ...boxes, tolerance: slack }), slack };
    } catch (error) {
      const more = error instanceof RangeError && error.message.includes("by raising tolerance");
      if (!more || slack === tried.at(-1)) throw error;
    }
  }
  throw new RangeError("no tolerance was tried.");
}
