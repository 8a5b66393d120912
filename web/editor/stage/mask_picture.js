/**
 * The shape of an object in frame 0 as something to draw: its colour, with an edge of black and white, which shows on every picture.
 *
 * @import { FirstShape } from "../model/types.js"
 */

import { toCells } from "../model/first_shape.js";
import { element } from "../ui/dom.js";

/** Opacity, 0 to 255, and the edge's colours, 2 ** DASHES cells each. */
const [INSIDE, EDGE] = [96, 230];
const [DASHES, WHITE, BLACK] = [3, [255, 255, 255], [0, 0, 0]];

/** @type {WeakMap<FirstShape, {color: string, canvas: HTMLCanvasElement}>} */
const known = new WeakMap();

/**
 * A canvas with one pixel for each cell.
 * @param {FirstShape} shape
 * @param {string} color "#rrggbb"
 * @returns {HTMLCanvasElement}
 */
export function maskPicture(shape, color) {
  const found = known.get(shape);
  if (found?.color === color) return found.canvas;
  const { columns, rows, inside } = toCells(shape);
  const canvas = element("canvas", { width: columns, height: rows });
  const image = new ImageData(columns, rows);
  const rgb = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  for (let i = 0; i < inside.length; i += 1) {
    if (!inside[i]) continue;
    const x = i % columns;
    const isEdge = x === 0 || x === columns - 1 || !inside[i - 1] || !inside[i + 1] || !inside[i - columns] || !inside[i + columns];
    const isWhite = ((x + Math.floor(i / columns)) >> DASHES) % 2 === 0;
    image.data.set(isEdge ? [...(isWhite ? WHITE : BLACK), EDGE] : [...rgb, INSIDE], i * 4);
  }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  known.set(shape, { color, canvas });
  return canvas;
}
