/** JavaScript's side of fuzz_tables.py: one JSON text a line on stdin, one JSON result a line on stdout. */

import process from "node:process";
import { createInterface } from "node:readline";

import { parse, stringify } from "../web/editor/model/document.js";
import { readTracks } from "../web/editor/model/import_tracks.js";

const size = process.argv.slice(2).map(Number);

/** @param {string} text */
function tried(text) {
  try {
    const { document, notices } = readTracks(text, { size });
    const canonical = stringify(document);
    const back = parse(canonical).document;
    if (!back || stringify(back) !== canonical) return { crash: "another document after writing and reading" };
    return { canonical, notices: notices.map(({ name, values }) => [name, ...values]) };
  } catch (error) {
    return error instanceof RangeError && !/call stack/i.test(error.message) ? { problem: error.message } : { crash: String(error) };
  }
}

/** JSON in ASCII, so that no encoding stands between the languages. @param {unknown} value */
function ascii(value) {
  return JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${ascii(tried(JSON.parse(line)))}\n`);
