/**
 * Readers of a COCO file's parts.
 *
 * @typedef {Readonly<Record<string, unknown>>} Part a JSON object
 */

import { fail } from "./checks.js";
import { strip } from "./delimited.js";

/** A field of its own, or undefined. @param {Part} part @param {string} name @returns {unknown} */
export function get(part, name) {
  return Object.hasOwn(part, name) ? part[name] : undefined;
}

/** Whether a value is a JSON object. @param {unknown} value @returns {value is Part} */
export function isPart(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The entry, which must be a JSON object. @param {unknown} entry @param {string} place @returns {Part} */
export function object(entry, place) {
  if (!isPart(entry)) fail(place, entry, "give a JSON object");
  return entry;
}

/** An id as a key: "n7" for the number 7, "t7" for the text "7". @param {unknown} value @param {string} field */
export function key(value, field) {
  if (typeof value === "string" && strip(value)) return `t${strip(value)}`;
  if (typeof value !== "number" || !(Math.abs(value) <= 1e15) || !Number.isInteger(value)) {
    fail(field, value === undefined ? null : value, "give a whole number or a text");
  }
  return `n${value + 0}`;
}
