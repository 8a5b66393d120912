/** JSON text -> value, stricter than JSON.parse: no field twice in one object, no deep nesting. */

import { shorten } from "./format.js";

/** A document has 6 levels. Some engines parse by recursion, so the limit is checked before they begin. */
const MAX_DEPTH = 100;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * @param {string} text of bounded length (the caller's business)
 * @param {string} name of what is read, for the sentence
 * @returns {unknown}
 * @throws {RangeError} one sentence
 */
export function decodeJson(text, name) {
  const found = scan(text);
  if (found.depth > MAX_DEPTH) {
    throw new RangeError(`${name} is nested too deeply: paste a trajectory document, it has 6 levels.`);
  }
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (found.constant) {
      throw new RangeError(`${name} contains the number ${found.constant}: replace it with a finite one.`, {
        cause: error,
      });
    }
    const reason = (error instanceof Error ? error.message : String(error)).split("\n")[0];
    throw new RangeError(`${name} is not valid JSON (${reason}): paste the whole document again.`, { cause: error });
  }
  if (found.twice !== undefined) {
    throw new RangeError(`${name} has the field ${shorten(found.twice)} twice in one object: keep one.`);
  }
  return value;
}

/**
 * One pass over the tokens. In text that is not JSON it may find anything; JSON.parse decides.
 * @param {string} text
 * @returns {{depth: number, twice: string | undefined, constant: string | undefined}}
 */
function scan(text) {
  /** The fields seen in each open object; null for an open list. @type {(Set<string> | null)[]} */
  const open = [];
  let depth = 0;
  /** @type {string | undefined} */
  let twice;
  /** @type {string | undefined} */
  let constant;
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === "{" || character === "[") {
      open.push(character === "{" ? new Set() : null);
      depth = Math.max(depth, open.length);
      if (depth > MAX_DEPTH) break;
    } else if (character === "}" || character === "]") {
      open.pop();
    } else if (character === "N" || character === "I") {
      constant ??= /^(NaN|Infinity)/.exec(text.slice(at, at + 8))?.[0];
      if (constant === "Infinity" && text[at - 1] === "-") constant = "-Infinity";
    } else if (character === '"') {
      const end = endOfString(text, at);
      const fields = open.at(-1);
      if (fields && colonFollows(text, end)) {
        const name = fieldName(text.slice(at, end));
        if (name !== undefined && fields.has(name)) twice ??= name;
        if (name !== undefined) fields.add(name);
      }
      at = end - 1;
    }
  }
  return { depth, twice, constant };
}

/**
 * The place behind the closing quote of the string that opens at `start`.
 * @param {string} text
 * @param {number} start
 * @returns {number}
 */
function endOfString(text, start) {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at + 1;
}

/**
 * Whether the next character that is not JSON's white space is a colon: the string before it names a field.
 * @param {string} text
 * @param {number} start
 * @returns {boolean}
 */
function colonFollows(text, start) {
  let at = start;
  while (" \t\r\n".includes(text[at] ?? "x")) at += 1;
  return text[at] === ":";
}

/**
 * @param {string} quoted
 * @returns {string | undefined}
 */
function fieldName(quoted) {
  if (!quoted.includes("\\")) return quoted.slice(1, -1);
  try {
    return JSON.parse(quoted);
  } catch {
    return undefined; // JSON.parse of the whole text fails there, too
  }
}
