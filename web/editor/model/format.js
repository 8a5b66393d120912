/** Numbers and texts as Python writes them, so that both languages write the same document, table and sentence. */

const SHOWN_CHARACTERS = 40;

/**
 * A finite number as Python's repr of a float: "0.1", "1e-05", "41.0".
 * @param {number} value
 * @returns {string}
 */
export function floatText(value) {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e16)) {
    return exponentText(value);
  }
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** "1.5e-07": two digits at least. @param {number} value */
function exponentText(value) {
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

/**
 * A number as in the canonical document: whole numbers without a point, others as Python's repr.
 * @param {number} value
 * @returns {string}
 */
export function numberText(value) {
  return Number.isSafeInteger(value) ? String(value) : floatText(value);
}

/**
 * A number with 6 digits, as Python's format "g": "1e-06", "0.5", "240", "1e+06".
 * @param {number} value
 * @returns {string}
 */
export function shortNumberText(value) {
  const rounded = Number(value.toPrecision(6));
  return Math.abs(rounded) >= 1e6 ? exponentText(rounded) : numberText(rounded);
}

/**
 * A JSON string in ASCII, as Python's json.dumps writes it.
 * @param {string} value
 * @returns {string}
 */
export function stringText(value) {
  return JSON.stringify(value).replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/**
 * Any value as a short ASCII piece for a sentence; containers are counted, never printed.
 * @param {unknown} value
 * @returns {string}
 */
export function shorten(value) {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") {
    const start = Array.from(value.slice(0, 2 * SHOWN_CHARACTERS + 2));
    const isShort = start.length <= SHOWN_CHARACTERS && value.length <= 2 * SHOWN_CHARACTERS;
    return stringText(isShort ? value : `${start.slice(0, SHOWN_CHARACTERS).join("")}...`);
  }
  if (typeof value === "number") return numberText(value);
  if (Array.isArray(value)) return `a list of ${value.length} items`;
  if (typeof value === "object") return `an object with ${Object.keys(value).length} fields`;
  return `of the type ${typeof value}`;
}
