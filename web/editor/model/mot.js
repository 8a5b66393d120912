/**
 * MOT Challenge tables: frame, id, left, top, width, height, conf, class or -1, visibility or -1, -1; no header; 1-based.
 * The same rules and sentences as flashmotion_core/trajectory/tracks/mot.py.
 *
 * @import { Cells } from "./delimited.js"
 * @import { TrackTable } from "./track_table.js"
 */

import { fail } from "./checks.js";
import { numberIn, strip } from "./delimited.js";
import { readBoxes } from "./headed_tables.js";
import { areFractions, counted, firstFrame } from "./track_table.js";

const ROLES = ["frame", "id", "x", "y", "w", "h"];
const [CONFIDENCE, VISIBILITY] = [6, 8];

/** Whether the first row has at least six columns and the first six are numbers. @param {Cells} table */
export function isMot({ rows, separator }) {
  const first = rows[0]?.cells ?? [];
  const numbers = first.slice(0, ROLES.length).map((cell) => numberIn(cell, separator));
  const whole = numbers.slice(0, 2).every((number) => Number.isInteger(number));
  return numbers.length === ROLES.length && whole && !numbers.includes(undefined);
}

/**
 * The boxes of a MOT table. Rows whose seventh column is 0 are left out, unless all are 0. A visibility of 0 hides.
 * @param {Cells} table
 * @returns {TrackTable}
 * @throws {RangeError} naming line and column
 */
export function readMot(table) {
  const { rows: lines, separator } = table;
  const someCount = lines.some(({ cells }) => cells.length > CONFIDENCE && numberIn(cells[CONFIDENCE], separator));
  const taken = [];
  const ignored = [];
  /** @type {Map<string, string>} */
  const labels = new Map();
  const unseen = new Set();
  for (const { line, cells } of lines) {
    const place = `line ${line}`;
    if (cells.length < ROLES.length) fail(place, `${cells.length} columns`, "give frame, id, left, top, width and height");
    const id = numberIn(cells[1], separator);
    if (id === -1) {
      fail(`${place}, id`, cells[1], "give each object a number by running a tracker; -1 is a detection without one");
    }
    if (someCount && cells.length > CONFIDENCE && numberIn(cells[CONFIDENCE], separator) === 0) {
      ignored.push(place);
      continue;
    }
    const name = id !== undefined && Number.isInteger(id) && Math.abs(id) < 1e15 ? String(id + 0) : cells[1];
    const end = cells[cells.length - 1];
    if (cells.length > ROLES.length && numberIn(end, separator) === undefined) labels.set(place, strip(end));
    if (cells.length > VISIBILITY && numberIn(cells[VISIBILITY], separator) === 0) unseen.add(place);
    taken.push({ line, cells: [cells[0], name, ...cells.slice(2, 6)] });
  }
  const roles = new Map(ROLES.map((role, index) => [role, index]));
  const found = readBoxes(table, taken, { roles, layout: ["x", "y", "w", "h"], count: ROLES.length, unused: [] });
  if (!found.rows.length) throw new RangeError("table has no row with a box: give one row per frame and object.");
  const rows = found.rows.map((row) => ({ ...row, label: labels.get(row.place) ?? "", visible: !unseen.has(row.place) }));
  return {
    format: "MOT",
    rows,
    countedFrom: firstFrame(rows, 1),
    fractions: areFractions(rows),
    lastFrame: found.last,
    notices: [...counted("ignored", ignored), ...counted("left_out", found.missing)],
  };
}
