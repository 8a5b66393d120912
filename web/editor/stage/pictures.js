/**
 * What lies behind the boxes: an image, a video, or pictures of several frames. Loads them and says when they are there, and whether
 * they are what the node gets.
 *
 * @import { Use } from "../ui/uses.js"
 * @import { Drawable } from "./view_draw.js"
 *
 * @typedef {object} Background
 * @property {"image" | "video" | "animation"} kind an animation is a picture that moves
 * @property {readonly string[]} urls images: one or several; others: one
 * @property {number} [length] frames of the clip over which it is spread; by default a video runs at the clip's speed
 * @property {readonly number[]} [frames] of the clip, ascending, at which each image begins; by default there is one, at frame 0
 * @property {Use} [use] of which use of a subgraph, where they differ
 * @property {Notice} [notice] why this is not what the node gets; undefined: it is
 *
 * @typedef {"unknown" | "changed" | "unseen"} Notice unknown: other nodes change the picture; changed: it is of an earlier run; unseen:
 *   there is no picture yet
 */

import { createAnimation } from "./animation.js";
import { element } from "../ui/dom.js";

/** Side of the small copy in which transparent pixels are looked for. */
const LOOKED_AT = 64;

/**
 * @param {() => void} onChange called when there is something new to draw
 * @param {(url: string) => Promise<Blob>} readFile of the server
 */
export function createPictures(onChange, readFile) {
  /** @type {HTMLImageElement[]} */
  let images = [];
  /** @type {readonly number[]} */
  let begins = [0];
  /** @type {Notice | undefined} */
  let notice;
  /** @type {Use | undefined} */
  let use;
  /** @type {HTMLVideoElement | undefined} */
  let video;
  /** @type {ReturnType<typeof createAnimation> | undefined} */
  let animation;
  /** @type {number | undefined} */
  let length;
  let shownKey = "";
  /** What is shown until the first of `images` is loaded. @type {{image: HTMLImageElement, notice: Notice} | undefined} */
  let kept;

  /** @param {string} url */
  function loadImage(url) {
    const image = element("img", { src: url, alt: "" });
    for (const name of ["load", "error"]) {
      image.addEventListener(name, () => {
        if (!images.includes(image)) return;
        if (image === images[0]) kept = undefined;
        // Loaders leave the transparency out, and the colours below it come to light.
        if (name === "error") notice ??= "unseen";
        else if (isTransparent(image)) notice ??= "unknown";
        onChange();
      });
    }
    return image;
  }

  /** @param {string} url */
  function loadVideo(url) {
    const made = element("video", { src: url, preload: "auto" });
    made.muted = true;
    for (const name of ["loadeddata", "seeked"]) made.addEventListener(name, onChange);
    return made;
  }

  return {
    /** Why the picture is not what the node gets. */
    get notice() {
      return kept?.notice ?? notice;
    },
    /** Whether one picture lies behind all frames. */
    get still() {
      return !video && images.length === 1;
    },
    get use() {
      return use;
    },
    /** Width and height of the first picture, or of the video, once it is loaded. @returns {[number, number] | undefined} */
    get size() {
      if (video) return video.readyState < 1 ? undefined : [video.videoWidth, video.videoHeight];
      const image = kept?.image ?? images[0];
      return image?.complete && image.naturalWidth ? [image.naturalWidth, image.naturalHeight] : undefined;
    },
    /** The picture of frame 0, once it is loaded; none of a video. @returns {Drawable | undefined} */
    get first() {
      const [image] = images;
      return image?.complete && image.naturalWidth ? { source: image, width: image.naturalWidth, height: image.naturalHeight } : undefined;
    },
    /** @param {Background | undefined} background */
    show(background) {
      const key = JSON.stringify(background ?? null);
      if (key === shownKey) return;
      shownKey = key;
      // A picture that is marked as another one stays until the new one is there.
      kept = notice && background?.kind === "image" && images[0]?.naturalWidth ? { image: images[0], notice } : undefined;
      notice = background?.notice;
      use = background?.use;
      length = background?.length;
      begins = background?.frames ?? background?.urls.map((_, index, { length: count }) => Math.round((index * (length ?? 0)) / count)) ?? [0];
      animation?.close();
      animation = background?.kind === "animation" ? createAnimation(readFile(background.urls[0]), onChange) : undefined;
      video?.removeAttribute("src");
      video = background?.kind === "video" ? loadVideo(background.urls[0]) : undefined;
      images = background?.kind === "image" ? background.urls.map(loadImage) : [];
      if (!images.length) kept = undefined;
      onChange();
    },
    /**
     * The picture behind a frame, once it is loaded.
     * @param {number} frame
     * @param {number} fps
     * @returns {Drawable | undefined}
     */
    at(frame, fps) {
      if (video) {
        if (video.readyState < 2) return undefined;
        const rate = length ? length / video.duration : fps;
        const time = Math.min((frame + 0.5) / rate, Math.max(video.duration - 0.01, 0));
        // While a seek is under way, its "seeked" event redraws and comes back here.
        if (!video.seeking && Math.abs(video.currentTime - time) > 0.5 / rate) video.currentTime = time;
        return { source: video, width: video.videoWidth, height: video.videoHeight };
      }
      if (animation) return animation.at((frame + 0.5) / (length ?? 1));
      const image = kept?.image ?? images[Math.max(begins.filter((begin) => begin <= frame).length - 1, 0)];
      if (!image?.complete || !image.naturalWidth) return undefined;
      return { source: image, width: image.naturalWidth, height: image.naturalHeight };
    },
  };
}

/** @param {HTMLImageElement} image loaded */
function isTransparent(image) {
  const ctx = element("canvas", { width: LOOKED_AT, height: LOOKED_AT }).getContext("2d", { willReadFrequently: true });
  if (!ctx) return false;
  ctx.drawImage(image, 0, 0, LOOKED_AT, LOOKED_AT);
  const { data } = ctx.getImageData(0, 0, LOOKED_AT, LOOKED_AT);
  return data.some((value, index) => index % 4 === 3 && value < 255);
}
