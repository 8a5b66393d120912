/**
 * Where points go from one picture to the next: Lucas and Kanade's flow ("An iterative image registration technique", 1981) from coarse to
 * fine, forward and back, as Kalal, Mikolajczyk and Matas's "Forward-backward error" (2010) has it.
 *
 * @import { Gray } from "./gray.js"
 *
 * @typedef {{x: number, y: number}} Place pixels
 * @typedef {{from: Place, to: Place, error: number}} Moved error: pixels between `from` and where the way back ends
 */

import { valueAt } from "./gray.js";

/** A window of 9 x 9 places. */
const RADIUS = 4;
const SIDE = 2 * RADIUS + 1;
const COUNT = SIDE * SIDE;
const ROUNDS = 12;
const SETTLED = 0.01;
/** Mean square of grey steps, along the edge's weaker direction, below which a window holds nothing to follow. */
const TEXTURE = 0.6;

const values = new Float32Array(COUNT);
const slopesX = new Float32Array(COUNT);
const slopesY = new Float32Array(COUNT);

/**
 * @param {readonly Gray[]} before the picture and its halves, see `pyramidOf`
 * @param {readonly Gray[]} after of the same sizes
 * @param {readonly Place[]} places in `before`
 * @returns {Moved[]} without those that hold nothing to follow, or leave the picture
 */
export function flow(before, after, places) {
  const found = [];
  for (const from of places) {
    const to = follow(before, after, from);
    const back = to && follow(after, before, to);
    if (to && back) found.push({ from, to, error: Math.hypot(back.x - from.x, back.y - from.y) });
  }
  return found;
}

/** @param {readonly Gray[]} before @param {readonly Gray[]} after @param {Place} place @returns {Place | undefined} */
function follow(before, after, { x, y }) {
  let [dx, dy] = [0, 0];
  for (let level = before.length - 1; level >= 0; level -= 1) {
    const scale = 2 ** level;
    const step = stepAt(before[level], after[level], x / scale, y / scale, dx * 2, dy * 2);
    // A coarse picture may hold less to follow than the fine one.
    if (!step && level === 0) return undefined;
    [dx, dy] = step ?? [dx * 2, dy * 2];
  }
  const to = { x: x + dx, y: y + dy };
  return to.x >= 0 && to.y >= 0 && to.x <= after[0].width && to.y <= after[0].height ? to : undefined;
}

/**
 * Newton's steps for one window; its mean is left out, so that a change of light does not count.
 * @param {Gray} before
 * @param {Gray} after
 * @param {number} x
 * @param {number} y
 * @param {number} guessX where the window went, as far as known
 * @param {number} guessY
 * @returns {readonly [number, number] | undefined}
 */
function stepAt(before, after, x, y, guessX, guessY) {
  const [xx, xy, yy] = readWindow(before, x, y);
  const determinant = xx * yy - xy * xy;
  const weaker = (xx + yy - Math.sqrt((xx - yy) ** 2 + 4 * xy * xy)) / 2;
  if (!(weaker / COUNT > TEXTURE)) return undefined;
  let [dx, dy] = [guessX, guessY];
  for (let round = 0; round < ROUNDS; round += 1) {
    let [alongX, alongY] = [0, 0];
    for (let i = 0; i < COUNT; i += 1) {
      const missing = values[i] - valueAt(after, x + dx + (i % SIDE) - RADIUS, y + dy + Math.floor(i / SIDE) - RADIUS);
      alongX += missing * slopesX[i];
      alongY += missing * slopesY[i];
    }
    const [stepX, stepY] = [(yy * alongX - xy * alongY) / determinant, (xx * alongY - xy * alongX) / determinant];
    dx += stepX;
    dy += stepY;
    if (Math.abs(stepX) + Math.abs(stepY) < SETTLED) break;
  }
  return Number.isFinite(dx + dy) ? [dx, dy] : undefined;
}

/**
 * Read a window: its values, and its slopes without their mean (what is summed with them then loses its own mean too).
 * @param {Gray} gray
 * @param {number} x
 * @param {number} y
 * @returns {readonly [number, number, number]} sums of the squared slopes: xx, xy, yy
 */
function readWindow(gray, x, y) {
  let [meanX, meanY] = [0, 0];
  for (let i = 0; i < COUNT; i += 1) {
    const [u, v] = [x + (i % SIDE) - RADIUS, y + Math.floor(i / SIDE) - RADIUS];
    values[i] = valueAt(gray, u, v);
    slopesX[i] = (valueAt(gray, u + 1, v) - valueAt(gray, u - 1, v)) / 2;
    slopesY[i] = (valueAt(gray, u, v + 1) - valueAt(gray, u, v - 1)) / 2;
    meanX += slopesX[i] / COUNT;
    meanY += slopesY[i] / COUNT;
  }
  let [xx, xy, yy] = [0, 0, 0];
  for (let i = 0; i < COUNT; i += 1) {
    slopesX[i] -= meanX;
    slopesY[i] -= meanY;
    xx += slopesX[i] ** 2;
    xy += slopesX[i] * slopesY[i];
    yy += slopesY[i] ** 2;
  }
  return [xx, xy, yy];
}
