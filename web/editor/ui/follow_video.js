/**
 * Follow boxes through a video, in the page, one picture after the other.
 *
 * @import { Gray } from "../tracking/gray.js"
 * @import { Box } from "../model/types.js"
 * @import { Video } from "./video_file.js"
 *
 * @typedef {object} Found of one box
 * @property {(Box | undefined)[]} boxes of each frame of the clip, as fractions of the video's picture; undefined: out of sight
 * @property {number[]} scores of the same frames: how much it looks as it did, at most 1
 *
 * @typedef {object} Step
 * @property {HTMLVideoElement} picture
 * @property {number} done pictures, of
 * @property {number} all
 * @property {readonly (Box | undefined)[]} boxes
 */

import { createFollower } from "../tracking/follow.js";
import { grayOf, pyramidOf } from "../tracking/gray.js";
import { element } from "./dom.js";

/** Longest side of the pictures that are compared, in pixels: enough for a thing of a twentieth of the picture. */
const SIDE = 480;

/**
 * @param {Video} video
 * @param {readonly {readonly time: number, readonly frame?: number}[]} moments to look at
 * @param {readonly Box[]} boxes at the first moment, as fractions of the video's picture
 * @param {{signal: AbortSignal, onStep: (step: Step) => void}} watch
 * @returns {Promise<Found[] | {plain: number}>} plain: the index of a box in which there is nothing to follow
 * @throws {RangeError} where the video gives no picture
 * @throws {DOMException} where the signal says to stop
 */
export async function followVideo(video, moments, boxes, { signal, onStep }) {
  const scale = Math.min(SIDE / Math.max(...video.size), 1);
  const [width, height] = video.size.map((side) => Math.max(Math.round(side * scale), 1));
  const canvas = element("canvas", { width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new RangeError("The browser gives no canvas: close other pages.");

  /** @param {number} time @returns {Promise<{picture: HTMLVideoElement, pyramid: Gray[]}>} */
  async function look(time) {
    const picture = await video.at(time);
    context?.drawImage(picture, 0, 0, width, height);
    const { data } = /** @type {CanvasRenderingContext2D} */ (context).getImageData(0, 0, width, height);
    return { picture, pyramid: pyramidOf(grayOf(data, width, height)) };
  }

  const first = await look(moments[0].time);
  const followers = boxes.map(({ x, y, w, h }) => createFollower(first.pyramid, { x: x * width, y: y * height, w: w * width, h: h * height }));
  const found = boxes.map((box) => ({ boxes: /** @type {(Box | undefined)[]} */ ([box]), scores: [1] }));
  const plain = followers.indexOf(undefined);
  if (plain >= 0) return { plain };
  for (let n = 1; n < moments.length; n += 1) {
    signal.throwIfAborted();
    const { picture, pyramid } = await look(moments[n].time);
    const seen = followers.map((follower) => follower?.step(pyramid) ?? { area: undefined, score: 0 });
    const now = seen.map(({ area }) => area && { x: area.x / width, y: area.y / height, w: area.w / width, h: area.h / height });
    if (moments[n].frame !== undefined) {
      found.forEach((one, index) => {
        one.boxes.push(now[index]);
        one.scores.push(seen[index].score);
      });
    }
    onStep({ picture, done: n, all: moments.length - 1, boxes: now });
  }
  return found;
}
