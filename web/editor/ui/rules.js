/**
 * What number fields refuse, and why.
 *
 * @import { Rule } from "./guard.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { nearestLength, nearestSide, nearestWithin } from "../model/nearest.js";
import { fill } from "../texts/texts.js";

/** A side of the clip. @param {Texts} texts @returns {() => Rule} */
export function sideRule({ mustSide, useInstead }) {
  return () => ({ nearest: nearestSide, why: mustSide, use: useInstead });
}

/** The length of the clip. @param {Texts} texts @returns {() => Rule} */
export function lengthRule({ mustLength, useInstead }) {
  return () => ({ nearest: nearestLength, why: mustLength, use: useInstead });
}

/**
 * A number of a range, which may depend on the document.
 * @param {Texts} texts
 * @param {() => {low: number, high: number, whole?: boolean}} range
 * @returns {() => Rule}
 */
export function rangeRule({ mustWhole, mustNumber, useInstead }, range) {
  return () => {
    const { low, high, whole = false } = range();
    return { nearest: nearestWithin(low, high, whole), why: fill(whole ? mustWhole : mustNumber, low, high), use: useInstead };
  };
}
