/**
 * Synthetic pictures for tests, read as the editor reads a real one.
 *
 * @import { ReadPart } from "../../../web/editor/model/find_things.js"
 */

/** @typedef {readonly [number, number, number]} Rgb */

/** Grain that is the same each time. @param {number} x @param {number} y */
const grain = (x, y) => ((Math.imul(x + 1, 374761393) ^ Math.imul(y + 1, 668265263)) >>> 13) % 9;

/**
 * @param {number} width of the picture
 * @param {number} height
 * @param {(x: number, y: number) => Rgb} colorAt of its pixels
 * @returns {ReadPart} by areas where it is made smaller, by the nearest pixel where larger, at most four times
 */
export function readerOf(width, height, colorAt) {
  return ({ x, y, w, h }, side) => {
    const scale = Math.min(side / Math.max(w * width, h * height), 4);
    const [columns, rows] = [w * width, h * height].map((pixels) => Math.max(Math.round(pixels * scale), 1));
    const data = new Uint8ClampedArray(columns * rows * 4);
    const [stepX, stepY] = [(w * width) / columns, (h * height) / rows];
    const count = Math.min(Math.max(Math.ceil(1 / scale), 1), 6);
    // The pixels of the picture that a row or a column is the mean of.
    const places = (/** @type {number} */ start, /** @type {number} */ step, /** @type {number} */ n, /** @type {number} */ end) =>
      Int32Array.from({ length: n * count }, (_, i) => Math.floor(start + (Math.floor(i / count) + ((i % count) + 0.5) / count) * step)).map((at) => Math.min(at, end - 1));
    const [across, down] = [places(x * width, stepX, columns, width), places(y * height, stepY, rows, height)];
    for (let i = 0; i < columns * rows; i += 1) {
      const [row, column] = [Math.floor(i / columns) * count, (i % columns) * count];
      let [red, green, blue] = [0, 0, 0];
      for (let n = 0; n < count * count; n += 1) {
        const [px, py] = [across[column + (n % count)], down[row + Math.floor(n / count)]];
        const rgb = colorAt(px, py);
        const more = grain(px, py) - 4;
        red += rgb[0] + more;
        green += rgb[1] + more;
        blue += rgb[2] + more;
      }
      data[i * 4] = red / count / count;
      data[i * 4 + 1] = green / count / count;
      data[i * 4 + 2] = blue / count / count;
      data[i * 4 + 3] = 255;
    }
    return { width: columns, height: rows, data };
  };
}

/** The last value that a generator returns. @template T @param {Generator<undefined, T>} work @returns {T} */
export function finished(work) {
  let step = work.next();
  while (!step.done) step = work.next();
  return step.value;
}
