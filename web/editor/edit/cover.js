/**
 * Boxes of a picture of another shape. The same as `cover` in flashmotion_core/trajectory/resolve.py.
 *
 * @import { Document } from "../model/types.js"
 */

import { zoomed } from "../model/crop.js";

/**
 * How far from the frame's centre what is on a picture comes to lie, as shares of the frame, after the picture was scaled to cover `size`
 * and cropped around the centre.
 * @param {readonly [number, number]} picture width and height in pixels
 * @param {readonly [number, number]} size width and height in pixels
 * @returns {[number, number]} factors across and down, 1 or more
 */
export function coverZoom([width0, height0], [width, height]) {
  const scale = Math.max(width / width0, height / height0);
  return [(width0 * scale) / width, (height0 * scale) / height];
}

/**
 * The document after its picture was scaled to cover `size` and cropped around the centre, as a start image is; boxes may end
 * up outside.
 * @param {Document} document
 * @param {readonly [number, number]} size width and height in pixels
 * @returns {Document}
 * @throws {RangeError} where a box would leave a document's limits
 */
export function cover(document, size) {
  return zoomed(document, size, ...coverZoom(document.size, size));
}
