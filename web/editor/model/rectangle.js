/** The pixels of a box; the same as `pixel_boxes` in flashmotion_core/trajectory/drawing/control_map.py. */

/** Makes an exact half pixel round up whatever the last bits of the float are. */
const HALF = 0.5 + 2 ** -20;

/** @typedef {{left: number, top: number, right: number, bottom: number}} Rectangle right and bottom not included */

/**
 * The rectangle of pixels of a box, clipped to the picture; null when it does not meet it.
 * @param {ArrayLike<number>} box x, y, w, h in pixels, x, y the top-left corner
 * @param {readonly [number, number]} size
 * @returns {Rectangle | null}
 */
export function pixelRectangle(box, [width, height]) {
  const [left, top] = [Math.floor(box[0] + HALF), Math.floor(box[1] + HALF)];
  const right = Math.max(Math.floor(box[0] + box[2] + HALF), left + 1);
  const bottom = Math.max(Math.floor(box[1] + box[3] + HALF), top + 1);
  if (right <= 0 || bottom <= 0 || left >= width || top >= height) return null;
  return {
    left: Math.max(left, 0),
    top: Math.max(top, 0),
    right: Math.min(right, width),
    bottom: Math.min(bottom, height),
  };
}
