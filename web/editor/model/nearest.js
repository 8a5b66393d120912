/**
 * The values that a field takes: each rule gives the nearest of them to what was typed. Generating asks for sides of a multiple of 32
 * pixels and 4k + 1 frames, as `check_size` in flashmotion_core/wan/conditioning.py does.
 *
 * @typedef {(value: number) => number} Nearest the nearest value that is right; the value itself if it is
 */

import { LENGTH_STEP, MAX_FRAMES, MAX_SIDE, MIN_SIDE, SIDE_MULTIPLE } from "./limits.js";

/** @type {Nearest} */
export const nearestSide = (value) => clamp(Math.round(value / SIDE_MULTIPLE) * SIDE_MULTIPLE, MIN_SIDE, MAX_SIDE);

/** @type {Nearest} */
export const nearestLength = (value) => clamp(Math.round((value - 1) / LENGTH_STEP) * LENGTH_STEP + 1, 1, MAX_FRAMES);

/**
 * Any number of a range, or any whole one.
 * @param {number} low
 * @param {number} high
 * @param {boolean} [whole]
 * @returns {Nearest}
 */
export function nearestWithin(low, high, whole = false) {
  return (value) => clamp(whole ? Math.round(value) : value, low, high);
}

/**
 * The clip nearest to one that cannot be generated.
 * @param {{readonly size: readonly [number, number], readonly frames: number}} clip
 * @returns {{size: [number, number], frames: number} | undefined} undefined: it can be
 */
export function nearestClip({ size: [width, height], frames }) {
  const [w, h, length] = [nearestSide(width), nearestSide(height), nearestLength(frames)];
  return w === width && h === height && length === frames ? undefined : { size: [w, h], frames: length };
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}
