/**
 * What a run makes of the trajectory: the sampler's own pictures while it samples, then the clip.
 *
 * @import { Background } from "./pictures.js"
 * @import { Sampling } from "../ui/run_line.js"
 * @import { Drawable } from "./view_draw.js"
 *
 * @typedef {object} Result
 * @property {Background} clip
 * @property {number} length frames of the clip
 * @property {string} text the document that it was made of
 * @property {string} run
 * @property {number} rank of several in a run the highest is shown
 *
 * @typedef {Sampling} Live
 */

import { createPictures } from "./pictures.js";

/**
 * @param {() => void} onChange called when there is something new to draw
 * @param {(url: string) => Promise<Blob>} readFile of the server
 */
export function createResultPicture(onChange, readFile) {
  const clip = createPictures(onChange, readFile);
  /** @type {Result | undefined} */
  let result;
  /** @type {Live | undefined} */
  let live;
  /** @type {ImageBitmap | undefined} */
  let bitmap;
  let shown = "";

  return {
    get result() {
      return result;
    },
    get live() {
      return live;
    },
    /** @param {Result | undefined} next @returns {boolean} whether it is another one */
    setResult(next) {
      const key = JSON.stringify(next ?? null);
      if (key === shown) return false;
      [result, shown] = [next, key];
      clip.show(next && { ...next.clip, length: next.length });
      return true;
    },
    /** @param {Live | undefined} next undefined: nothing is sampled */
    async setLive(next) {
      live = next;
      // A picture that cannot be decoded is not worth more than the one before.
      const made = next?.picture && await createImageBitmap(next.picture).catch(() => undefined);
      if (live !== next) {
        made?.close();
        return;
      }
      if (made || !next) {
        bitmap?.close();
        bitmap = made;
      }
      onChange();
    },
    /** @param {number} frame @param {number} fps @returns {Drawable | undefined} */
    at(frame, fps) {
      if (live && bitmap) return { source: bitmap, width: bitmap.width, height: bitmap.height };
      return result && clip.at(Math.min(frame, result.length - 1), fps);
    },
  };
}
