/**
 * What lies behind the boxes: an image, a video, or pictures of several frames. Loads them and says when they are there.
 *
 * @import { Drawable } from "./view_draw.js"
 *
 * @typedef {object} Background
 * @property {"image" | "video"} kind
 * @property {readonly string[]} urls images: one, or several spread evenly over the clip; video: one
 */

import { element } from "../ui/dom.js";

/**
 * @param {() => void} onChange called when there is something new to draw
 */
export function createPictures(onChange) {
  /** @type {HTMLImageElement[]} */
  let images = [];
  /** @type {HTMLVideoElement | undefined} */
  let video;
  let shownKey = "";

  /** @param {string} url */
  function loadImage(url) {
    const image = element("img", { src: url, alt: "" });
    image.addEventListener("load", onChange);
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
    /** @param {Background | undefined} background */
    show(background) {
      const key = JSON.stringify(background ?? null);
      if (key === shownKey) return;
      shownKey = key;
      video?.removeAttribute("src");
      video = background?.kind === "video" ? loadVideo(background.urls[0]) : undefined;
      images = background?.kind === "image" ? background.urls.map(loadImage) : [];
      onChange();
    },
    /**
     * The picture behind a frame, once it is loaded.
     * @param {number} frame
     * @param {number} frames length of the clip
     * @param {number} fps
     * @returns {Drawable | undefined}
     */
    at(frame, frames, fps) {
      if (video) {
        if (video.readyState < 2) return undefined;
        const time = Math.min((frame + 0.5) / fps, Math.max(video.duration - 0.01, 0));
        // While a seek is under way, its "seeked" event redraws and comes back here.
        if (!video.seeking && Math.abs(video.currentTime - time) > 0.5 / fps) video.currentTime = time;
        return { source: video, width: video.videoWidth, height: video.videoHeight };
      }
      const share = frames > 1 ? frame / (frames - 1) : 0;
      const image = images[Math.round(share * (images.length - 1))];
      if (!image?.complete || !image.naturalWidth) return undefined;
      return { source: image, width: image.naturalWidth, height: image.naturalHeight };
    },
  };
}
