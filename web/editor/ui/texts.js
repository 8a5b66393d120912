/** The editor's texts by language. @typedef {typeof ENGLISH} Texts */

import { ENGLISH } from "./texts_en.js";
import { CHINESE } from "./texts_zh.js";

/**
 * The texts for a language; English for one we do not have.
 * @param {string} locale such as "en", "zh", "zh-TW"
 * @returns {Texts}
 */
export function textsFor(locale) {
  return locale.toLowerCase().startsWith("zh") ? { ...ENGLISH, ...CHINESE } : ENGLISH;
}

/**
 * Put values into a text.
 * @param {string} text with {0}, {1} ...
 * @param {...(string | number)} values
 * @returns {string}
 */
export function fill(text, ...values) {
  return text.replace(/\{(\d)\}/g, (_, index) => String(values[Number(index)]));
}
