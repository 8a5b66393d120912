/**
 * Pixels of parts of a picture, as the clip crops it.
 *
 * @import { Size } from "../model/crop.js"
 * @import { ReadPart } from "../model/find_things.js"
 * @import { Drawable } from "./view_draw.js"
 */

import { cropOf } from "../model/crop.js";
import { element } from "../ui/dom.js";

/** So that what is a few pixels small becomes large enough to have an outline. */
const MOST_LARGER = 4;

/**
 * @param {Drawable} picture
 * @param {Size} size of the clip
 * @returns {ReadPart | undefined} undefined: the page may not read the picture, or the clip shows nothing of it
 */
export function createReader({ source, width, height }, size) {
  const crop = cropOf([width, height], size);
  const ctx = element("canvas").getContext("2d", { willReadFrequently: true });
  if (!crop || !ctx) return undefined;
  /** @type {ReadPart} */
  const read = ({ x, y, w, h }, side) => {
    const [wide, high] = [w * crop.width, h * crop.height];
    const scale = Math.min(side / Math.max(wide, high), MOST_LARGER);
    const [columns, rows] = [wide, high].map((pixels) => Math.max(Math.round(pixels * scale), 1));
    ctx.canvas.width = columns;
    ctx.canvas.height = rows;
    ctx.imageSmoothingQuality = "high";
    ctx.drawImage(source, crop.x + x * crop.width, crop.y + y * crop.height, wide, high, 0, 0, columns, rows);
    return ctx.getImageData(0, 0, columns, rows);
  };
  try {
    read({ x: 0, y: 0, w: 1, h: 1 }, 1);
  } catch (error) {
    // A picture of another site, which a pack may show.
    if (error instanceof DOMException) return undefined;
    throw error;
  }
  return read;
}
