/**
 * Boxes of a picture of another shape. The same as `cover` in flashmotion_core/trajectory/resolve.py.
 *
 * @import { Document } from "../model/types.js"
 */

import { parseValue } from "../model/document.js";

/**
 * The document after its picture was scaled to cover `size` and cropped around the centre, as a start image is; boxes may end
 * up outside.
 * @param {Document} document
 * @param {readonly [number, number]} size width and height in pixels
 * @returns {Document}
 * @throws {RangeError} where a box would leave a document's limits
 */
export function cover(document, size) {
  const [[width0, height0], [width, height]] = [document.size, size];
  const scale = Math.max(width / width0, height / height0);
  const [zoomX, zoomY] = [(width0 * scale) / width, (height0 * scale) / height];
  const objects = document.objects.map((object) => ({
    ...object,
    keyframes: object.keyframes.map((key) => ({
      ...key,
      x: 0.5 + (key.x - 0.5) * zoomX,
      y: 0.5 + (key.y - 0.5) * zoomY,
      w: key.w * zoomX,
      h: key.h * zoomY,
    })),
  }));
  return parseValue({ ...document, size: [...size], objects });
}
