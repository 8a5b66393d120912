/**
 * Tables of cells as programs write them: with commas, semicolons, tabs or spaces, decimal points or commas. The same rules as
 * flashmotion_core/trajectory/tracks/delimited.py.
 *
 * @typedef {object} Cells
 * @property {readonly {line: number, cells: readonly string[]}[]} rows without blank ones; `line` is where a row ends
 * @property {string} separator
 */

import { readRows } from "./csv_rows.js";
import { withoutMark } from "./read_text.js";

const DECIMAL = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$/;
const DECIMAL_COMMA = /^[+-]?([0-9]+,[0-9]*|,[0-9]+)([eE][+-]?[0-9]{1,3})?$/;
const NOTHING = ["", "nan", "na", "n/a", "none", "null", "-"];
/** Characters in which the first line is looked for. */
const HEAD = 1 << 16;

/**
 * The cells of a table; the separator is the first of tab, semicolon and comma that the first line has outside quotes, else spaces.
 * @param {string} source a byte-order mark is dropped
 * @returns {Cells}
 * @throws {RangeError} naming the line of wrong quotes
 */
export function splitCells(source) {
  const table = withoutMark(source);
  const said = /^sep=([,;\t])\r?\n/i.exec(table);
  const head = table.slice(0, HEAD).replace(/^[\r\n]+/, "").replaceAll(/"[^"]*"/g, "");
  const first = head.split(/[\r\n]/, 1)[0];
  const separator = said?.[1] ?? (["\t", ";", ",", " "].find((mark) => first.includes(mark)) ?? ",");
  const rows = [];
  for (const row of readRows(separator === " " ? singleSpaced(table) : table, separator)) {
    if (row.cells.length && !(said && row.line === 1)) rows.push(row);
  }
  return { rows, separator };
}

/** One space between cells and none at the ends of lines. @param {string} table */
function singleSpaced(table) {
  return table.replaceAll(/ +/g, " ").replaceAll(/(^|[\r\n]) | (?=[\r\n]|$)/g, "$1");
}

/**
 * The number in a cell; a decimal comma counts where the separator is another character.
 * @param {string} cell
 * @param {string} separator
 * @returns {number | undefined}
 */
export function numberIn(cell, separator) {
  const text = strip(cell);
  if (text.length >= 64) return undefined;
  if (DECIMAL.test(text)) return Number(text);
  return separator !== "," && DECIMAL_COMMA.test(text) ? Number(text.replace(",", ".")) : undefined;
}

/** Whether a cell says that there is no value. @param {string} cell */
export function isNothing(cell) {
  return NOTHING.includes(strip(cell).toLowerCase());
}

/**
 * Without white space at the ends, as Python counts it: a byte order mark does not count.
 * @param {string} cell
 * @returns {string}
 */
export function strip(cell) {
  // eslint-disable-next-line no-control-regex
  return cell.replace(/^(?:(?!\uFEFF)[\s\x1c-\x1f\x85])+|(?:(?!\uFEFF)[\s\x1c-\x1f\x85])+$/g, "");
}
