/**
 * What a clip shows of a picture of another shape: scaled to cover the clip and cropped about its centre, as the node does. Sizes are
 * width and height in pixels.
 *
 * @import { Document } from "./types.js"
 *
 * @typedef {readonly [number, number]} Size
 * @typedef {{readonly x: number, readonly y: number, readonly width: number, readonly height: number}} Crop pixels of the picture
 */

import { parseValue } from "./document.js";
import { MAX_SIDE, MIN_SIDE, SIDE_MULTIPLE } from "./limits.js";
import { nearestSide } from "./nearest.js";

/** Less is not worth a word: the usual clip of 1280 x 704 cuts 2 % off a picture of 16:9. */
const WORTH_A_WORD = 0.04;
/** A tenth more pixels, or fewer, weighs as much as a cut of 2.5 %. */
const PIXELS_MATTER = 0.25;
/** Pictures whose shapes differ by less count as the same: ComfyUI's previews are rounded to whole pixels. */
const SAME_SHAPE = 0.01;

/**
 * The part of a picture that a clip shows, in whole pixels; the same as `crop_to_cover` in flashmotion_core/trajectory/drawing/crop.py.
 * @param {Size} picture
 * @param {Size} size of the clip
 * @returns {Crop | undefined} undefined: the picture is so thin that nothing is left
 */
export function cropOf([width, height], [wide, high]) {
  const [shape, wanted] = [width / height, wide / high];
  const x = shape > wanted ? halfToEven((width - width * (wanted / shape)) / 2) : 0;
  const y = shape < wanted ? halfToEven((height - height * (shape / wanted)) / 2) : 0;
  const kept = { x, y, width: width - 2 * x, height: height - 2 * y };
  return kept.width < 1 || kept.height < 1 ? undefined : kept;
}

/**
 * How much of a picture a clip does not show.
 * @param {Size} picture
 * @param {Size} size of the clip
 * @returns {number} 0 to 1
 */
export function cutShare(picture, size) {
  const [across, down] = keptShares(picture, size);
  return 1 - across * down;
}

/**
 * Whether a clip cuts so much off a picture that another size would show clearly more of it.
 * @param {Size} picture
 * @param {Size} size of the clip
 * @returns {boolean}
 */
export function isCut(picture, size) {
  return cutShare(picture, size) > WORTH_A_WORD && fitSize(picture, size).some((side, index) => side !== size[index]);
}

/** Whether two pictures have the same shape. @param {Size} a @param {Size} b */
export function sameShape(a, b) {
  return cutShare(a, b) < SAME_SHAPE;
}

/**
 * The size for a picture with about as many pixels as a clip has: the multiples of 32 that cut little and change the count little. The
 * size for its own result is that result.
 * @param {Size} picture
 * @param {Size} size of the clip
 * @returns {[number, number]}
 */
export function fitSize(picture, size) {
  const pixels = size[0] * size[1];
  /** @param {readonly [number, number]} one */
  const cost = (one) => cutShare(picture, one) + PIXELS_MATTER * Math.abs(Math.log((one[0] * one[1]) / pixels));
  let best = /** @type {[number, number]} */ (size.map(nearestSide));
  for (let w = MIN_SIDE; w <= MAX_SIDE; w += SIDE_MULTIPLE) {
    const high = (w * picture[1]) / picture[0] / SIDE_MULTIPLE;
    for (const h of [Math.floor(high), Math.ceil(high)].map((multiple) => nearestSide(multiple * SIDE_MULTIPLE))) {
      if (cost([w, h]) < cost(best)) best = [w, h];
    }
  }
  return best;
}

/**
 * Another size of the clip, with every box where it was on the picture behind it.
 * @param {Document} document
 * @param {Size} size
 * @param {Size} picture
 * @returns {Document}
 * @throws {RangeError} for a size out of range, or where a box would leave a document's limits
 */
export function followPicture(document, size, picture) {
  const [before, after] = [keptShares(picture, document.size), keptShares(picture, size)];
  return zoomed(document, size, before[0] / after[0], before[1] / after[1]);
}

/**
 * A document of another size, with its boxes moved and scaled about the frame's centre.
 * @param {Document} document
 * @param {readonly [number, number]} size
 * @param {number} zoomX factor of distances from the centre and of widths, both as shares of the frame
 * @param {number} zoomY of heights
 * @returns {Document}
 * @throws {RangeError} where a box or the size would leave a document's limits
 */
export function zoomed(document, size, zoomX, zoomY) {
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

/** The shares of a picture's width and height that a clip shows. @param {Size} picture @param {Size} size @returns {[number, number]} */
function keptShares([width, height], [wide, high]) {
  const ratio = wide / high / (width / height);
  return [Math.min(ratio, 1), Math.min(1 / ratio, 1)];
}

/** As Python rounds: an exact half goes to the even neighbour. @param {number} value 0 or more */
function halfToEven(value) {
  const low = Math.floor(value);
  const rest = value - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
