/** The grammar of CSV (RFC 4180, strict), read as Python's csv module reads it. */

/** Python's csv.field_size_limit(). */
const MAX_CELL = 131072;

/**
 * The rows of a table, one by one, each with the number of the line that it ends on. A blank line is a row without
 * cells.
 * @param {string} table
 * @param {string} [separator]
 * @returns {Generator<{cells: string[], line: number}, undefined>}
 * @throws {RangeError} naming the line, for wrong quotes and cells above 131072 characters
 */
export function* readRows(table, separator = ",") {
  /** @type {string[]} */
  let cells = [];
  let cell = "";
  /** @type {"row" | "cell" | "plain" | "quoted" | "quote"} What is expected, or what the last character was in. */
  let state = "row";
  let line = 1;
  for (let at = 0; at < table.length; at += 1) {
    const character = table[at];
    const pair = character === "\r" && table[at + 1] === "\n";
    const endsLine = character === "\n" || (character === "\r" && !pair);
    if (state === "quoted") {
      if (character === '"') state = "quote";
      else cell += character;
    } else if (state === "quote" && character === '"') {
      cell += character;
      state = "quoted";
    } else if (pair) {
      continue;
    } else if (endsLine) {
      if (state !== "row") cells.push(cell);
      yield { cells, line };
      [cells, cell, state] = [[], "", "row"];
    } else if (character === separator) {
      cells.push(cell);
      [cell, state] = ["", "cell"];
    } else if (state === "quote") {
      throw new RangeError(`line ${line} is not CSV ('${separator}' expected after '"'): repair its quotes.`);
    } else if (character === '"' && state !== "plain") {
      state = "quoted";
    } else {
      cell += character;
      state = "plain";
    }
    if (cell.length > MAX_CELL) {
      throw new RangeError(`line ${line} is not CSV (field larger than field limit (${MAX_CELL})): repair its quotes.`);
    }
    if (endsLine) line += 1;
  }
  if (state === "quoted") {
    const lines = /[\r\n]$/.test(table) ? line - 1 : line;
    throw new RangeError(`line ${lines} is not CSV (unexpected end of data): repair its quotes.`);
  }
  if (state !== "row") yield { cells: [...cells, cell], line };
  return undefined;
}
