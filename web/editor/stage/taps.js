/**
 * Double clicks and double taps alike, because browsers do not report those of a finger where it draws.
 *
 * @import { Point } from "../model/geometry.js"
 */

const QUICK_MS = 400;

/**
 * @returns {(released: {time: number, from: Point, to: Point, reach: number}) => boolean} tell of a pointer let go at a time in ms,
 *   pressed and released at these canvas pixels; whether it was the second of two clicks on one spot
 */
export function createTaps() {
  /** @type {{time: number, at: Point} | undefined} */
  let last;
  return ({ time, from, to, reach }) => {
    const still = Math.hypot(to.x - from.x, to.y - from.y) <= reach / 2;
    const again = still && last !== undefined && time - last.time < QUICK_MS && Math.hypot(to.x - last.at.x, to.y - last.at.y) <= reach;
    last = still && !again ? { time, at: to } : undefined;
    return again;
  };
}
