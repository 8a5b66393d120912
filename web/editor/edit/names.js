/**
 * Names and ids that no object has yet. An object's name is its label, or else its id.
 *
 * @typedef {{readonly id: string, readonly label: string}} Named
 */

import { MAX_ID, MAX_LABEL } from "../model/limits.js";

/**
 * A name for a new object: that of its place in the list, or of the next place whose name is free.
 * @param {readonly Named[]} objects
 * @param {(place: number) => string} nameOf the name for a place, from 1
 * @returns {string}
 */
export function nextName(objects, nameOf) {
  const taken = namesOf(objects);
  let place = objects.length + 1;
  while (taken.has(nameOf(place))) place += 1;
  return nameOf(place);
}

/**
 * The label for an object that joins others: its own, or "dog 2", "dog 3" ... where that is taken. Without a label it has none.
 * @param {readonly Named[]} objects
 * @param {string} label
 * @returns {string} at most 120 characters
 */
export function freeLabel(objects, label) {
  const taken = namesOf(objects);
  if (!label || !taken.has(label)) return label;
  const stem = cut(label.replace(/ \d{1,3}$/, ""), MAX_LABEL - 4);
  let n = 2;
  while (taken.has(`${stem} ${n}`)) n += 1;
  return `${stem} ${n}`;
}

/**
 * The first of "o1", "o2", ... that no object has.
 * @param {readonly {readonly id: string}[]} objects
 * @returns {string}
 */
export function newId(objects) {
  const taken = new Set(objects.map(({ id }) => id));
  let n = objects.length + 1;
  while (taken.has(`o${n}`)) n += 1;
  return `o${n}`;
}

/**
 * As Python's `merge`: "a", "a-2", "a-2-3" ...
 * @param {readonly {readonly id: string}[]} objects
 * @param {string} id
 * @returns {string}
 */
export function freeId(objects, id) {
  const taken = new Set(objects.map((object) => object.id));
  let name = id;
  // A document refuses an id above 64 characters, which Python's `merge` may write.
  for (let n = 2; taken.has(name); n += 1) name = `${cut(name, MAX_ID - 4)}-${n}`;
  return name;
}

/** @param {readonly Named[]} objects */
function namesOf(objects) {
  return new Set(objects.map(({ id, label }) => label || id));
}

/**
 * The first characters (code points) of a text.
 * @param {string} value
 * @param {number} characters
 */
function cut(value, characters) {
  return Array.from(value).slice(0, characters).join("");
}
