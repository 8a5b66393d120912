/** Sizes that depend on whether fingers do the pointing. The style sheet asks the same question. */

const coarse = globalThis.matchMedia?.("(pointer: coarse)");

/** @returns {boolean} whether the main pointer is a finger */
export function isTouch() {
  return coarse?.matches ?? false;
}

/** @returns {number} the height of a row of the timeline and of the list, CSS pixels */
export function rowHeight() {
  return isTouch() ? 40 : 24;
}

/**
 * Keep the browser from taking a quick drag of a finger for a fling, which the next tap would only stop instead of doing what it should.
 * @param {HTMLElement} dragged what follows the pointer itself
 */
export function withoutFling(dragged) {
  dragged.addEventListener("touchmove", (event) => event.preventDefault(), { passive: false });
}
