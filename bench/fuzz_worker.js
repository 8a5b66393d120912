/** What the JavaScript sides of the fuzzers share: one JSON text a line on stdin, one JSON result a line on stdout. */

import process from "node:process";
import { createInterface } from "node:readline";

/**
 * Read every text until stdin ends.
 * @param {(text: string) => unknown} read gives a result, or throws a RangeError with a sentence; anything else is a crash
 */
export async function serve(read) {
  for await (const line of createInterface({ input: process.stdin })) process.stdout.write(`${ascii(tried(read, JSON.parse(line)))}\n`);
}

/** @param {(text: string) => unknown} read @param {string} text */
function tried(read, text) {
  try {
    return read(text);
  } catch (error) {
    return error instanceof RangeError && !/call stack/i.test(error.message) ? { problem: error.message } : { crash: String(error) };
  }
}

/** JSON in ASCII, so that no encoding stands between the languages. @param {unknown} value */
function ascii(value) {
  return JSON.stringify(value).replaceAll(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
