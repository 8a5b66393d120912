/**
 * What the clip shows of a picture, as few pixels to calculate with.
 *
 * @import { Size } from "../model/crop.js"
 * @import { Pixels } from "../model/hints.js"
 * @import { Drawable } from "./view_draw.js"
 */

import { cropOf } from "../model/crop.js";
import { element } from "../ui/dom.js";

/** The longer side, in pixels. */
const SIDE = 192;

/**
 * @returns {(picture: Drawable, size: Size) => Pixels | undefined} the same object for the same picture and size; undefined: the page may
 *   not read the picture
 */
export function createSmallPicture() {
  /** @type {{source: CanvasImageSource, key: string, pixels: Pixels | undefined} | undefined} */
  let kept;
  return (picture, size) => {
    const key = String(size);
    if (kept?.source !== picture.source || kept.key !== key) kept = { source: picture.source, key, pixels: read(picture, size) };
    return kept.pixels;
  };
}

/** @param {Drawable} picture @param {Size} size @returns {Pixels | undefined} */
function read({ source, width, height }, size) {
  const crop = cropOf([width, height], size);
  const [w, h] = size.map((side) => Math.max(Math.round((side * SIDE) / Math.max(...size)), 1));
  const ctx = element("canvas", { width: w, height: h }).getContext("2d", { willReadFrequently: true });
  if (!crop || !ctx) return undefined;
  ctx.drawImage(source, crop.x, crop.y, crop.width, crop.height, 0, 0, w, h);
  try {
    return ctx.getImageData(0, 0, w, h);
  } catch (error) {
    // A picture of another site, which a pack may show.
    if (error instanceof DOMException) return undefined;
    throw error;
  }
}
