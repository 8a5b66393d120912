/**
 * Follow boxes through a video, in the page, one picture after the other.
 *
 * @import { Gray } from "../tracking/gray.js"
 * @import { Box } from "../model/types.js"
 * @import { Look } from "../edit/video_motion.js"
 * @import { Video } from "./video_file.js"
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
 * @param {readonly {readonly time: number}[]} moments to look at
 * @param {readonly Box[]} boxes at the first moment, as fractions of the video's picture
 * @param {{signal: AbortSignal, onStep: (step: Step) => void}} watch
 * @returns {Promise<Look[] | {plain: number}>} what each picture shows; plain: the index of a box in which there is nothing to follow
 * @throws {RangeError} where the video gives no picture
 * @throws {DOMException} where the signal says to stop
 */
export async function followVideo(video, moments, boxes, { signal, onStep }) {
  const scale = Math.min(SIDE / Math.max(...video.size), 1);
  const [width, height] = video.size.map((side) => Math.max(Math.round(side * scale), 1));
  const context = element("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  if (!context) throw new RangeError("The browser gives no canvas: close other pages.");

  /** @param {HTMLVideoElement} picture @returns {Gray[]} */
  function read(picture) {
    context?.drawImage(picture, 0, 0, width, height);
    return context ? pyramidOf(grayOf(context.getImageData(0, 0, width, height).data, width, height)) : [];
  }

  const first = await video.at(moments[0].time);
  const pyramid = read(first.picture);
  const followers = boxes.map(({ x, y, w, h }) => createFollower(pyramid, { x: x * width, y: y * height, w: w * width, h: h * height }));
  const plain = followers.indexOf(undefined);
  if (plain >= 0) return { plain };
  /** @type {Look[]} */
  const looks = [{ time: first.time, boxes, scores: boxes.map(() => 1) }];
  for (let n = 1; n < moments.length; n += 1) {
    signal.throwIfAborted();
    const { picture, time } = await video.at(moments[n].time);
    // There may be fewer pictures than moments.
    if (time <= looks[looks.length - 1].time) continue;
    const now = read(picture);
    const seen = followers.map((follower) => follower?.step(now) ?? { area: undefined, score: 0 });
    const found = seen.map(({ area }) => area && { x: area.x / width, y: area.y / height, w: area.w / width, h: area.h / height });
    looks.push({ time, boxes: found, scores: seen.map(({ score }) => score) });
    onStep({ picture, done: n, all: moments.length - 1, boxes: found });
  }
  return looks;
}
