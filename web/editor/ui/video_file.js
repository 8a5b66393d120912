/**
 * A video file that the user chose, picture by picture. It stays in the page: nothing is sent anywhere.
 *
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} Video
 * @property {string} name
 * @property {readonly [number, number]} size width and height in pixels, as it is shown
 * @property {number} duration seconds
 * @property {(time: number) => Promise<HTMLVideoElement>} at the video at a moment (seconds), to be drawn
 * @property {() => void} close
 */

import { element } from "./dom.js";
import { fill } from "../texts/texts.js";

/** For one picture, on a busy machine. */
const PATIENCE_MS = 20_000;
/** Two pictures at 24 a second. */
const SHORTEST = 0.08;
/** Recordings that were never finished have no length until their end was looked for. */
const FAR = 1e7;

/**
 * @param {File} file
 * @param {Texts} texts
 * @returns {Promise<Video>}
 * @throws {RangeError} one sentence, when it cannot be played, or has no pictures
 */
export async function openVideo(file, texts) {
  const url = URL.createObjectURL(file);
  const video = element("video", { preload: "auto", playsinline: true });
  video.muted = true;

  function close() {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(url);
  }

  /** @param {number} time */
  async function at(time) {
    await comes(video, "seeked", fill(texts.videoStuck, file.name, time.toFixed(2)), () => {
      video.currentTime = time;
    });
    return video;
  }

  try {
    const unreadable = fill(texts.videoUnreadable, file.name);
    await comes(video, "loadeddata", unreadable, () => {
      video.src = url;
    }).catch((error) => {
      // Sound alone has its length, but never a picture.
      if (video.readyState >= 1 && !video.videoWidth) throw new RangeError(fill(texts.videoPictureless, file.name));
      throw error;
    });
    if (!video.videoWidth) throw new RangeError(fill(texts.videoPictureless, file.name));
    if (!Number.isFinite(video.duration)) await at(FAR);
    const duration = Number.isFinite(video.duration) ? video.duration : video.currentTime;
    if (duration < SHORTEST) throw new RangeError(fill(texts.videoShort, file.name, duration.toFixed(2)));
    return { name: file.name, size: [video.videoWidth, video.videoHeight], duration, at, close };
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Wait for an event of a video.
 * @param {HTMLVideoElement} video
 * @param {string} name
 * @param {string} problem what is said if it does not come
 * @param {() => void} begin
 * @returns {Promise<void>}
 */
function comes(video, name, problem, begin) {
  return new Promise((resolve, reject) => {
    const listening = new AbortController();
    /** @param {() => void} settle */
    const end = (settle) => () => {
      clearTimeout(timer);
      listening.abort();
      settle();
    };
    const fail = end(() => reject(new RangeError(problem)));
    const timer = setTimeout(fail, PATIENCE_MS);
    video.addEventListener(name, end(resolve), { signal: listening.signal });
    video.addEventListener("error", fail, { signal: listening.signal });
    begin();
  });
}
