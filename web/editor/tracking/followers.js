/**
 * Follow several boxes through the pictures of a video. The page and its worker both do it with this.
 *
 * @import { Gray } from "./gray.js"
 *
 * @typedef {{x: number, y: number, w: number, h: number}} Share centre and sides, as fractions of the picture
 * @typedef {{box: Share | undefined, score: number}} Found undefined: out of sight; the score is at most 1
 *
 * @typedef {object} Followers
 * @property {number} plain the index of a box in which there is nothing to follow; -1: none
 * @property {(rgba: ArrayLike<number>) => Found[]} step the next picture, four values a pixel, 0 to 255
 */

import { createFollower } from "./follow.js";
import { grayOf, pyramidOf } from "./gray.js";

/**
 * @param {ArrayLike<number>} rgba the first picture
 * @param {readonly [number, number]} size of every picture, width and height in pixels
 * @param {readonly Share[]} boxes in it
 * @returns {Followers}
 */
export function createFollowers(rgba, [width, height], boxes) {
  /** @param {ArrayLike<number>} picture @returns {Gray[]} */
  const read = (picture) => pyramidOf(grayOf(picture, width, height));
  const first = read(rgba);
  const all = boxes.map(({ x, y, w, h }) => createFollower(first, { x: x * width, y: y * height, w: w * width, h: h * height }));
  return {
    plain: all.indexOf(undefined),
    step(picture) {
      const now = read(picture);
      return all.map((follower) => {
        const { area, score } = follower?.step(now) ?? { area: undefined, score: 0 };
        return { box: area && { x: area.x / width, y: area.y / height, w: area.w / width, h: area.h / height }, score };
      });
    },
  };
}
