/**
 * Grey pictures for tracking. Places are continuous: pixel i covers i to i + 1, so that a place in a picture of half the size is half of it.
 *
 * @typedef {object} Gray
 * @property {number} width
 * @property {number} height
 * @property {Float32Array} data 0 to 255, row by row
 */

/** Less than this and a window of the flow no longer fits. */
const SMALLEST = 24;
const MOST_LEVELS = 4;

/**
 * A grey picture (ITU-R BT.601 luma).
 * @param {ArrayLike<number>} rgba four values a pixel, 0 to 255
 * @param {number} width
 * @param {number} height
 * @returns {Gray}
 */
export function grayOf(rgba, width, height) {
  const data = new Float32Array(width * height);
  for (let i = 0; i < data.length; i += 1) data[i] = 0.299 * rgba[i * 4] + 0.587 * rgba[i * 4 + 1] + 0.114 * rgba[i * 4 + 2];
  return { width, height, data };
}

/**
 * A picture and its halves, each the mean of four pixels of the one before.
 * @param {Gray} gray
 * @returns {Gray[]} one to four, the largest first
 */
export function pyramidOf(gray) {
  const levels = [gray];
  while (levels.length < MOST_LEVELS) {
    const last = levels[levels.length - 1];
    if (Math.min(last.width, last.height) < 2 * SMALLEST) break;
    levels.push(halved(last));
  }
  return levels;
}

/** @param {Gray} gray @returns {Gray} */
function halved({ width, height, data }) {
  const [w, h] = [width >> 1, height >> 1];
  const half = new Float32Array(w * h);
  for (let y = 0; y < h; y += 1) {
    for (let x = 0; x < w; x += 1) {
      const at = 2 * y * width + 2 * x;
      half[y * w + x] = (data[at] + data[at + 1] + data[at + width] + data[at + width + 1]) / 4;
    }
  }
  return { width: w, height: h, data: half };
}

/**
 * The value at a place, between pixels in proportion; outside, that of the nearest pixel.
 * @param {Gray} gray
 * @param {number} x
 * @param {number} y
 * @returns {number}
 */
export function valueAt({ width, height, data }, x, y) {
  const u = Math.min(Math.max(x - 0.5, 0), width - 1);
  const v = Math.min(Math.max(y - 0.5, 0), height - 1);
  const left = Math.min(Math.floor(u), Math.max(width - 2, 0));
  const top = Math.min(Math.floor(v), Math.max(height - 2, 0));
  const [across, down] = [u - left, v - top];
  const at = top * width + left;
  const right = left + 1 < width ? 1 : 0;
  const below = top + 1 < height ? width : 0;
  const upper = data[at] + (data[at + right] - data[at]) * across;
  const lower = data[at + below] + (data[at + below + right] - data[at + below]) * across;
  return upper + (lower - upper) * down;
}
