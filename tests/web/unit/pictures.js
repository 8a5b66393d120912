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
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const sum = [0, 0, 0];
        for (let n = 0; n < count * count; n += 1) {
          const px = Math.floor(x * width + (column + ((n % count) + 0.5) / count) * stepX);
          const py = Math.floor(y * height + (row + (Math.floor(n / count) + 0.5) / count) * stepY);
          const rgb = colorAt(Math.min(px, width - 1), Math.min(py, height - 1));
          for (let c = 0; c < 3; c += 1) sum[c] += rgb[c] + grain(px, py) - 4;
        }
        data.set([...sum.map((value) => value / count / count), 255], (row * columns + column) * 4);
      }
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
