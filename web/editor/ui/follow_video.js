/**
 * Follow boxes through a video, one picture after the other. The page reads the pictures; a worker follows the boxes.
 *
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

import { element } from "./dom.js";
import { startTracker } from "./tracker.js";

/** Longest side of the pictures that are compared, in pixels: enough for a thing of a twentieth of the picture. */
const SIDE = 480;

/**
 * @param {Video} video
 * @param {readonly {readonly time: number}[]} moments to look at
 * @param {readonly Box[]} boxes at the first moment, as fractions of the video's picture
 * @param {{signal: AbortSignal, broken: string, onStep: (step: Step) => void}} watch broken: what is said when the worker ends early
 * @returns {Promise<Look[] | {plain: number}>} what each picture shows; plain: the index of a box in which there is nothing to follow
 * @throws {RangeError} where the video gives no picture, or the worker ends early
 * @throws {DOMException} where the signal says to stop, at once
 */
export async function followVideo(video, moments, boxes, { signal, broken, onStep }) {
  const scale = Math.min(SIDE / Math.max(...video.size), 1);
  /** @type {[number, number]} */
  const size = [Math.max(Math.round(video.size[0] * scale), 1), Math.max(Math.round(video.size[1] * scale), 1)];
  const context = element("canvas", { width: size[0], height: size[1] }).getContext("2d", { willReadFrequently: true });
  if (!context) throw new RangeError("The browser gives no canvas: close other pages.");

  /** @param {HTMLVideoElement} picture */
  function read(picture) {
    context?.drawImage(picture, 0, 0, ...size);
    return context?.getImageData(0, 0, ...size).data ?? new Uint8ClampedArray();
  }

  /** @type {Promise<never>} */
  const stopped = new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  // It may be told while nobody waits.
  stopped.catch(() => undefined);
  signal.throwIfAborted();
  const tracker = await startTracker(broken);
  try {
    const first = await video.at(moments[0].time);
    const plain = await Promise.race([tracker.begin(read(first.picture), size, boxes), stopped]);
    if (plain >= 0) return { plain };
    /** @type {Look[]} */
    const looks = [{ time: first.time, boxes, scores: boxes.map(() => 1) }];
    for (let n = 1; n < moments.length; n += 1) {
      // One seek at a time: the dialog seeks again after Cancel.
      const { picture, time } = await video.at(moments[n].time);
      signal.throwIfAborted();
      // There may be fewer pictures than moments.
      if (time <= looks[looks.length - 1].time) continue;
      const found = await Promise.race([tracker.step(read(picture)), stopped]);
      looks.push({ time, boxes: found.map(({ box }) => box), scores: found.map(({ score }) => score) });
      onStep({ picture, done: n, all: moments.length - 1, boxes: found.map(({ box }) => box) });
    }
    return looks;
  } finally {
    tracker.close();
  }
}
