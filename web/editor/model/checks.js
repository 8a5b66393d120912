/**
 * Checks for untrusted values: each returns a clean value or throws a RangeError of one sentence, which names the
 * field, the value received and what to do. The same rules and sentences as flashmotion_core/trajectory/field_checks.py. No
 * check recurses into an unknown value, so deep nesting does no harm.
 */

import { shorten, shortNumberText } from "./format.js";
import { didYouMean } from "./suggest.js";

/**
 * @param {string} field
 * @param {unknown} value
 * @param {string} remedy
 * @returns {never}
 */
export function fail(field, value, remedy) {
  throw new RangeError(`${field} is ${shorten(value)}: ${remedy}.`);
}

/**
 * An integer in [low, high]. (true and "81" are not integers; -0 becomes 0.)
 * @param {unknown} value
 * @param {string} field
 * @param {number} low
 * @param {number} high
 * @param {string} meaning
 * @returns {number}
 */
export function whole(value, field, low, high, meaning) {
  if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
    fail(field, value, `give a whole number from ${low} to ${high} (${meaning})`);
  }
  return value + 0;
}

/**
 * A finite number in [low, high], or in (low, high] with `above`. (-0 becomes 0.)
 * @param {unknown} value
 * @param {string} field
 * @param {number} low
 * @param {number} high
 * @param {string} meaning
 * @param {boolean} [above]
 * @returns {number}
 */
export function number(value, field, low, high, meaning, above = false) {
  if (typeof value !== "number" || !(value >= low && value <= high) || (above && value === low)) {
    const [from, to] = [shortNumberText(low), shortNumberText(high)];
    const span = above ? `above ${from} and at most ${to}` : `from ${from} to ${to}`;
    fail(field, value, `give a finite number ${span} (${meaning})`);
  }
  return value + 0;
}

/**
 * A string of `shortest` to `longest` characters (code points) without lone surrogates.
 * @param {unknown} value
 * @param {string} field
 * @param {number} shortest
 * @param {number} longest
 * @param {string} meaning
 * @returns {string}
 */
export function text(value, field, shortest, longest, meaning) {
  // At most two UTF-16 units per character. Checked first, so that a huge text is not split into characters.
  const fits = typeof value === "string" && value.length <= 2 * longest;
  const characters = fits ? Array.from(value).length : -1;
  if (!fits || characters < shortest || characters > longest) {
    fail(field, value, `give a text of ${shortest} to ${longest} characters (${meaning})`);
  }
  if (/\p{Surrogate}/u.test(value)) fail(field, value, "replace the lone surrogate in it with a real character");
  return value;
}

/**
 * One of `options`.
 * @template {string} T
 * @param {unknown} value
 * @param {string} field
 * @param {readonly T[]} options
 * @returns {T}
 */
export function choice(value, field, options) {
  const found = options.find((option) => option === value);
  if (found === undefined) fail(field, value, `give ${listed(options)}${didYouMean(value, options)}`);
  return found;
}

/**
 * A list of `fewest` to `most` items.
 * @param {unknown} value
 * @param {string} field
 * @param {number} fewest
 * @param {number} most
 * @param {string} meaning
 * @returns {readonly unknown[]}
 */
export function items(value, field, fewest, most, meaning) {
  if (!Array.isArray(value) || value.length < fewest || value.length > most) {
    fail(field, value, `give a list of ${fewest === most ? fewest : `${fewest} to ${most}`} ${meaning}`);
  }
  return value;
}

/**
 * A JSON object that has all `required` fields and none beyond `optional`, as a copy without a prototype, so that a
 * missing field is undefined whatever its name.
 * @param {unknown} value
 * @param {string} field
 * @param {readonly string[]} required
 * @param {readonly string[]} [optional]
 * @returns {Record<string, unknown>}
 */
export function fields(value, field, required, optional = []) {
  const known = [...required, ...optional];
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    fail(field, value, `give a JSON object with the fields ${known.join(", ")}`);
  }
  const prefix = field === "trajectory" ? "" : `${field}.`;
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      const remedy = `remove or rename it${didYouMean(key, known)}; known fields are ${known.join(", ")}`;
      throw new RangeError(`${prefix || "trajectory."}${shorten(key)} is not a known field: ${remedy}.`);
    }
  }
  for (const key of required) {
    if (!Object.hasOwn(value, key)) {
      throw new RangeError(`${prefix}${key} is missing: add it (${required.join(", ")} are required).`);
    }
  }
  return Object.assign(Object.create(null), value);
}

/**
 * `one, two or three`, each quoted.
 * @param {readonly string[]} options
 * @returns {string}
 */
function listed(options) {
  const quoted = options.map((option) => `"${option}"`);
  return quoted.length === 1 ? quoted[0] : `${quoted.slice(0, -1).join(", ")} or ${quoted[quoted.length - 1]}`;
}
