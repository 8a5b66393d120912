/**
 * Another size of the clip, as its fields, the node's inputs and the banner about the picture set it.
 *
 * @import { Document } from "../model/types.js"
 * @import { Size } from "../model/crop.js"
 */

import { followPicture } from "../model/crop.js";
import { setSize } from "./operations_clip.js";

/**
 * Boxes stay on the picture where there is one, and otherwise keep their place in the frame.
 * @param {Document} document
 * @param {Size} size whole pixels, 32 to 4096
 * @param {Size | undefined} picture what lies behind the boxes, width and height
 * @returns {Document} the very same for the same size
 * @throws {RangeError} for a size out of range, or where a box would leave a document's limits
 */
export function resized(document, size, picture) {
  const sized = setSize(document, { width: size[0], height: size[1] });
  if (sized === document || !picture || !document.objects.length) return sized;
  return followPicture(document, sized.size, picture);
}
