/**
 * A small XML reader for untrusted files: elements, attributes and text, and nothing that could fetch or multiply anything.
 * It knows the five entities of XML and character numbers; a DOCTYPE, which could define others, is refused. The same rules
 * and sentences as flashmotion_core/trajectory/tracks/small_xml.py.
 *
 * @typedef {{line: number, path: readonly string[], attributes: ReadonlyMap<string, string>, text?: undefined}} XmlElement
 *   the start of an element, with the names from the root to it
 * @typedef {{line: number, path: readonly string[], text: string, attributes?: undefined}} XmlText never empty
 */

import { shorten } from "./format.js";

const MAX_DEPTH = 32;
const NAME = /[A-Za-z_][A-Za-z0-9_.:-]*/y;
const ATTRIBUTE = /[ \t\r\n]+([A-Za-z_][A-Za-z0-9_.:-]*)[ \t\r\n]*=[ \t\r\n]*("[^"<]*"|'[^'<]*')/y;
const END = /[ \t\r\n]*(\/?)>/y;
/** @type {ReadonlyMap<string, string>} */
const ENTITIES = new Map([["lt", "<"], ["gt", ">"], ["amp", "&"], ["quot", '"'], ["apos", "'"]]);

/**
 * The elements and texts of a document, in order.
 * @param {string} source
 * @returns {Generator<XmlElement | XmlText, undefined>}
 * @throws {RangeError} naming the line
 */
export function* readXml(source) {
  /** @type {readonly string[]} */
  let path = [];
  let [at, line, roots] = [0, 1, 0];
  while (at < source.length) {
    const opening = source.indexOf("<", at);
    const end = opening < 0 ? source.length : opening;
    const text = source.slice(at, end).replace(/^[ \t\r\n]+|[ \t\r\n]+$/g, "");
    if (text && !path.length) refuse(line, `has the text ${shorten(text)} outside its elements: remove it`);
    if (text) yield { line, path, text: plain(text, line) };
    line += lineEnds(source, at, end);
    if (opening < 0) break;
    const skipped = afterSkipped(source, opening, line);
    if (skipped) {
      line += lineEnds(source, opening, skipped);
      at = skipped;
      continue;
    }
    const closing = source.startsWith("</", opening);
    const name = matchAt(NAME, source, opening + (closing ? 2 : 1))?.[0];
    if (name === undefined) {
      refuse(line, `has no name after ${shorten(source.slice(opening, opening + 8))}: repair the file or export it again`);
    }
    at = opening + (closing ? 2 : 1) + name.length;
    /** @type {Map<string, string>} */
    const attributes = new Map();
    for (let found = closing ? null : matchAt(ATTRIBUTE, source, at); found; found = matchAt(ATTRIBUTE, source, at)) {
      if (attributes.has(found[1])) refuse(line, `has the attribute ${shorten(found[1])} twice: keep one`);
      attributes.set(found[1], plain(found[2].slice(1, -1), line));
      at += found[0].length;
    }
    const finish = matchAt(END, source, at);
    if (!finish || (closing && finish[1])) refuse(line, `has a broken tag ${shorten(name)}: repair the file or export it again`);
    at += finish[0].length;
    if (closing) {
      if (path.at(-1) !== name) {
        const wanted = path.length ? `</${path.at(-1)}>` : "nothing";
        refuse(line, `closes ${shorten(name)} where ${wanted} is expected: repair the file or export it again`);
      }
      path = path.slice(0, -1);
    } else {
      if (!path.length) roots += 1;
      if (roots > 1) refuse(line, `has a second root ${shorten(name)}: keep one`);
      if (path.length >= MAX_DEPTH) refuse(line, `is nested deeper than ${MAX_DEPTH} elements: export it again as CVAT for video`);
      yield { line, path: [...path, name], attributes };
      if (!finish[1]) path = [...path, name];
    }
    line += lineEnds(source, opening, at);
  }
  if (path.length) refuse(line, `ends inside ${shorten(path.at(-1))}: the file is cut off, export it again`);
  if (!roots) refuse(line, "has no element: export the file again");
  return undefined;
}

/** @param {number} line @param {string} what @returns {never} */
function refuse(line, what) {
  throw new RangeError(`line ${line} ${what}.`);
}

/** @param {RegExp} sticky @param {string} source @param {number} at */
function matchAt(sticky, source, at) {
  // A sticky expression keeps its own place, which is set before every use.
  Object.assign(sticky, { lastIndex: at });
  return sticky.exec(source);
}

/** @param {string} source @param {number} start @param {number} end */
function lineEnds(source, start, end) {
  let count = 0;
  for (let at = source.indexOf("\n", start); at >= 0 && at < end; at = source.indexOf("\n", at + 1)) count += 1;
  return count;
}

/** Where a comment or declaration that begins here ends; 0 for anything else. @param {string} source @param {number} at @param {number} line */
function afterSkipped(source, at, line) {
  for (const [start, stop] of [["<!--", "-->"], ["<?", "?>"]]) {
    if (!source.startsWith(start, at)) continue;
    const end = source.indexOf(stop, at + start.length);
    if (end < 0) refuse(line, `begins ${shorten(start)} without an end: repair the file or export it again`);
    return end + stop.length;
  }
  if (source.startsWith("<!", at)) {
    refuse(line, `has ${shorten(source.slice(at, at + 9))}, which could define or hide content: remove that part`);
  }
  return 0;
}

/** The text with its references resolved. @param {string} text @param {number} line */
function plain(text, line) {
  return text.replaceAll(/&([^;&]{0,12})(;?)/g, (whole, name, end) => {
    const number = /^(?:#([0-9]{1,7})|#x([0-9A-Fa-f]{1,6}))$/.exec(name);
    const value = number ? parseInt(number[1] ?? number[2], number[1] ? 10 : 16) : 0;
    const isCharacter = value > 0 && value <= 0x10ffff && !(value >= 0xd800 && value <= 0xdfff);
    if (!end || (!ENTITIES.has(name) && !isCharacter)) {
      refuse(line, `has the unknown reference ${shorten(whole)}: write &amp; for a plain &`);
    }
    return ENTITIES.get(name) ?? String.fromCodePoint(value);
  });
}
