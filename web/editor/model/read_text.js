/** Text files that people and other programs wrote: the one place where bytes become text (flashmotion_core/files/texts.py). */
/* global TextDecoder -- browsers and Node have it */

const BYTE_ORDER_MARK = "\ufeff";

/**
 * The text of a file's bytes without a byte-order mark: UTF-8, or UTF-16 where the file begins with its mark.
 * @param {ArrayBuffer} content
 * @param {string} name of the file, for the sentence
 * @returns {string}
 * @throws {RangeError} one sentence
 */
export function decodeText(content, name) {
  const [one, two] = new Uint8Array(content, 0, Math.min(content.byteLength, 2));
  const encoding = one === 0xff && two === 0xfe ? "utf-16le" : one === 0xfe && two === 0xff ? "utf-16be" : "utf-8";
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(content);
  } catch (error) {
    throw new RangeError(`${name} is not ${encoding === "utf-8" ? "UTF-8" : "UTF-16"} text: save it as UTF-8 text.`, { cause: error });
  }
}

/**
 * The text without the byte-order mark that some programs leave at its beginning.
 * @param {string} text
 * @returns {string}
 */
export function withoutMark(text) {
  return text.startsWith(BYTE_ORDER_MARK) ? text.slice(1) : text;
}
