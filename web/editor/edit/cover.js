/**
 * Boxes of a picture of another shape. The same as `cover` in flashmotion_core/trajectory/resolve.py.
 *
 * @import { Document } from "../model/types.js"
 */

import { zoomed } from "../model/crop.js";

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
  return zoomed(document, size, (width0 * scale) / width, (height0 * scale) / height);
}
