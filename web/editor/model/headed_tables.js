/**
 * Tables whose first line names the columns: FlashMotion's own in any order, and corner tables (x1, y1, x2, y2). The same
 * rules and sentences as flashmotion_core/trajectory/tracks/headed_tables.py.
 *
 * @import { Cells } from "./delimited.js"
 * @import { Pixels, TrackRow, TrackTable } from "./track_table.js"
 *
 * @typedef {object} Columns
 * @property {ReadonlyMap<string, number>} roles a role's place in the row
 * @property {Layout} layout the names of a box's four numbers
 * @property {number} count
 * @property {readonly string[]} unused names of columns without a role
 * @typedef {readonly [string, string, string, string]} Layout
 */

import { fail, text } from "./checks.js";
import { isNothing, numberIn, strip } from "./delimited.js";
import { MAX_ID, MAX_LABEL } from "./limits.js";
import { areFractions, counted, lowestFrame } from "./track_table.js";

export const CSV_HEADER = ["frame", "id", "label", "x", "y", "w", "h", "visible"];
/** @type {Readonly<Record<string, string>>} */
const SYNONYMS = {
  frame: "frame frameid framenumber frameno framenum frameidx frameindex framenr fn f",
  id: "id objectid objid object obj trackid track trackingid trackerid instanceid targetid personid tid oid",
  label: "label class classname cname category categoryname name type classlabel",
  x: "x x1 xmin xtl left bbleft bboxleft boxleft bboxx bboxx1 bboxxmin",
  y: "y y1 ymin ytl top bbtop bboxtop boxtop bboxy bboxy1 bboxymin",
  w: "w width bbwidth bboxwidth boxwidth bboxw",
  h: "h height bbheight bboxheight boxheight bboxh",
  x2: "x2 xmax xbr right bbright bboxright boxright bboxx2 bboxxmax",
  y2: "y2 ymax ybr bottom bbbottom bboxbottom boxbottom bboxy2 bboxymax",
  cx: "cx xc xcenter xcentre centerx centrex",
  cy: "cy yc ycenter ycentre centery centrey",
  visible: "visible visibility isvisible vis",
  hidden: "hidden outside lost invisible",
};
const ROLES = new Map(Object.entries(SYNONYMS).flatMap(([role, names]) => names.split(" ").map((name) => [name, role])));
const [TRUE, FALSE] = [["true", "yes", "y", "t"], ["false", "no", "n", "f"]];
const PLACES = ["x", "y", "w", "h", "x2", "y2", "cx", "cy"];
/** @type {readonly Layout[]} */
const LAYOUTS = [["x", "y", "w", "h"], ["x", "y", "x2", "y2"], ["cx", "cy", "w", "h"]];
const REMEDY = `give the header ${CSV_HEADER.join(",")}, or x1,y1,x2,y2 in place of x,y,w,h`;

/** Whether the first row names columns: it has no number. @param {Cells} table */
export function hasHeader({ rows, separator }) {
  return rows.length > 0 && !rows[0].cells.some((cell) => numberIn(cell, separator) !== undefined);
}

/**
 * The boxes of a table with a header.
 * @param {Cells} table
 * @param {{strict?: boolean}} [options] strict reads FlashMotion's own table as it was written: spaces belong to ids,
 *   coordinates are pixels, frames count from 0, and a box without a value is an error
 * @returns {TrackTable}
 * @throws {RangeError} naming line and column
 */
export function readHeaded(table, { strict = false } = {}) {
  const header = table.rows.length ? table.rows[0] : { line: 1, cells: [] };
  const columns = columnsOf(header.cells, `line ${header.line}`, table.separator);
  const own = columns.roles.size === CSV_HEADER.length && CSV_HEADER.every((role) => columns.roles.has(role));
  const { rows, missing, last } = readBoxes(table, table.rows.slice(1), columns, { strict });
  if (!rows.length) {
    if (missing.length) throw new RangeError(`${missing[0]} has no box, and no other row has one: give x, y, w and h.`);
    throw new RangeError("table has a header but no rows: give one row per frame and object.");
  }
  return {
    format: own ? "FlashMotion CSV" : "CSV with a header",
    rows,
    countedFrom: !own && lowestFrame(rows) === 1 ? 1 : 0,
    fractions: !strict && areFractions(rows),
    lastFrame: last,
    notices: [
      ...counted("left_out", missing),
      ...(columns.unused.length ? [{ name: /** @type {const} */ ("columns"), values: [columns.unused.join(", ")] }] : []),
    ],
  };
}

/**
 * The boxes of rows, the places of rows without one, and the last frame of all.
 * @param {Cells} table
 * @param {Cells["rows"]} lines
 * @param {Columns} columns
 * @param {{strict?: boolean}} [options]
 * @returns {{rows: TrackRow[], missing: string[], last: number}}
 * @throws {RangeError} naming line and column
 */
export function readBoxes({ rows: all, separator }, lines, columns, { strict = false } = {}) {
  /** @type {TrackRow[]} */
  const rows = [];
  const missing = [];
  let last = 0;
  for (const { line, cells } of lines) {
    const place = `line ${line}`;
    if (cells.length !== columns.count && !(cells.length > columns.count && cells.slice(columns.count).every((cell) => !cell))) {
      fail(place, `${cells.length} columns`, `give ${columns.count} columns, as line ${all[0].line} has`);
    }
    /** @type {Map<string, string>} */
    const values = new Map();
    for (const [role, index] of columns.roles) values.set(role, cells[index]);
    const frame = wholeIn(values.get("frame") ?? "", separator, `${place}, frame`);
    last = Math.max(last, frame);
    const label = nameIn(values.get("label") ?? "", strict);
    const id = nameIn(values.get("id") ?? values.get("label") ?? "object", strict);
    text(id, `${place}, id`, 1, MAX_ID, "the object's id");
    text(label, `${place}, label`, 0, MAX_LABEL, "the object's label");
    const box = boxIn(values, separator, place, columns.layout, strict);
    if (box) rows.push({ place, frame, id, label, box, visible: isShown(values, separator, place) });
    else missing.push(place);
  }
  return { rows: strict ? rows : apart(rows), missing, last };
}

/**
 * @param {readonly string[]} names
 * @param {string} place
 * @param {string} separator
 * @returns {Columns}
 */
function columnsOf(names, place, separator) {
  /** @type {Map<string, number>} */
  const roles = new Map();
  const unused = [];
  for (const [index, name] of names.entries()) {
    const role = ROLES.get(name.toLowerCase().replaceAll(/[^a-z0-9]/g, ""));
    const other = role === undefined ? undefined : roles.get(role);
    if (other !== undefined && role !== "id" && role !== "label") {
      fail(`${place}, column ${index + 1}`, strip(name), `keep one column of this kind, as ${strip(names[other])} is`);
    }
    if (role === undefined || other !== undefined) unused.push(strip(name));
    else roles.set(role, index);
  }
  const layout = LAYOUTS.find((roleNames) => roleNames.every((role) => roles.has(role)));
  if (!layout || !roles.has("frame")) fail(place, names.join(separator), REMEDY);
  const extra = new Set(PLACES.filter((role) => !layout.includes(role)));
  for (const [role, index] of roles) if (extra.has(role)) unused.push(strip(names[index]));
  for (const role of extra) roles.delete(role);
  return { roles, layout, count: names.length, unused: unused.filter(Boolean) };
}

/** @param {string} cell @param {string} separator @param {string} field */
function wholeIn(cell, separator, field) {
  const value = numberIn(cell, separator);
  if (value === undefined || !Number.isInteger(value) || value < 0 || value >= 1e9) {
    fail(field, cell, "give a whole number from 0 (the frame)");
  }
  return value + 0;
}

/** @param {string} cell @param {boolean} strict */
function nameIn(cell, strict) {
  return strict ? cell : strip(cell);
}

/** @param {ReadonlyMap<string, string>} values @param {string} separator @param {string} place */
function isShown(values, separator, place) {
  let shown = true;
  for (const role of ["visible", "hidden"]) {
    const given = values.get(role);
    if (given === undefined) continue;
    const cell = strip(given).toLowerCase();
    const value = numberIn(cell, separator);
    const yes = TRUE.includes(cell) || (value !== undefined && value > 0 && value <= 1);
    if (!yes && !FALSE.includes(cell) && value !== 0) {
      fail(`${place}, ${role}`, given, role === "visible" ? "give 1 (visible) or 0 (hidden)" : "give 1 (hidden) or 0 (visible)");
    }
    shown &&= yes === (role === "visible");
  }
  return shown;
}

/**
 * @param {ReadonlyMap<string, string>} values
 * @param {string} separator
 * @param {string} place
 * @param {Layout} layout
 * @param {boolean} strict
 * @returns {Pixels | undefined}
 */
function boxIn(values, separator, place, layout, strict) {
  const cells = layout.map((role) => values.get(role) ?? "");
  if (!strict && cells.some(isNothing)) return undefined;
  const [a, b, c, d] = cells.map((cell, index) => pixelsIn(numberIn(cell, separator), cell, `${place}, ${layout[index]}`));
  const [w, h] = layout[2] === "x2" ? [c - a, d - b] : [c, d];
  for (const [index, extent] of [w, h].entries()) {
    const role = layout[index + 2];
    if (extent < 0 || (strict && extent === 0)) {
      const wanted = role === "x2" || role === "y2" ? `above ${role[0]}1` : "above 0";
      fail(`${place}, ${role}`, cells[index + 2], `give a finite number ${wanted}`);
    }
  }
  if (w === 0 || h === 0) return undefined;
  return layout[0] === "cx" ? [a - w / 2, b - h / 2, w, h] : [a, b, w, h];
}

/**
 * @param {number | undefined} value
 * @param {string} cell
 * @param {string} field
 * @returns {number}
 */
export function pixelsIn(value, cell, field) {
  if (value === undefined || !(value >= -1e6 && value <= 1e6)) fail(field, cell, "give a finite number from -1e+06 to 1e+06");
  return value + 0;
}

/** Where ids count within a label (two boxes of a frame share one), the label becomes part of the id. @param {TrackRow[]} rows */
function apart(rows) {
  /** @type {Map<string, string>} */
  const seen = new Map();
  for (const { frame, id, label } of rows) {
    const key = `${frame} ${id}`;
    if ((seen.get(key) ?? label) !== label) return rows.map((row) => ({ ...row, id: `${row.label} ${row.id}` }));
    if (!seen.has(key)) seen.set(key, label);
  }
  return rows;
}
