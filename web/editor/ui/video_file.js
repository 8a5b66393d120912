/**
 * A video file that the user chose, picture by picture. It stays in the page: nothing is sent anywhere.
 *
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} Video
 * @property {string} name
 * @property {readonly [number, number]} size width and height in pixels, as it is shown
 * @property {number} duration seconds
 * @property {(time: number) => Promise<Shown>} at the picture that is shown at a moment (seconds)
 * @property {() => void} close
 *
 * @typedef {{picture: HTMLVideoElement, time: number}} Shown to be drawn, and the second at which it begins, as far as the browser tells
 */

import { element } from "./dom.js";
import { fill } from "../texts/texts.js";

/** For one picture, on a busy machine. */
const PATIENCE_MS = 20_000;
/** After a picture is there, the browser tells its time; one in a hidden tab may not. */
const TELLS_MS = 300;
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
  // ComfyUI forbids files of the page where it was started with --disable-api-nodes.
  const watching = new AbortController();
  let forbidden = false;
  document.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => {
    forbidden ||= effectiveDirective === "media-src";
  }, { signal: watching.signal });

  function close() {
    video.removeAttribute("src");
    video.load();
    URL.revokeObjectURL(url);
  }

  /** @param {number} time @returns {Promise<Shown>} */
  async function seek(time) {
    const told = timeTold(video, time);
    await comes(video, "seeked", fill(texts.videoStuck, file.name, time.toFixed(2)), () => {
      video.currentTime = time;
    });
    return { picture: video, time: await told() };
  }
  /** A video that is sent to a second place forgets the first. @type {Promise<unknown>} */
  let before = Promise.resolve();
  /** @param {number} time */
  function at(time) {
    const found = before.then(() => seek(time));
    before = found.catch(() => undefined);
    return found;
  }

  try {
    const unreadable = fill(texts.videoUnreadable, file.name);
    await comes(video, "loadeddata", unreadable, () => {
      video.src = url;
    }).catch(async (error) => {
      // The browser tells why only after it has failed.
      await new Promise((resolve) => setTimeout(resolve, 50));
      if (forbidden) throw new RangeError(fill(texts.videoForbidden, file.name));
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
  } finally {
    watching.abort();
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

/**
 * The time at which the next picture of a video begins, asked for before it is sought.
 * @param {HTMLVideoElement} video
 * @param {number} otherwise
 * @returns {() => Promise<number>} to be called when the picture is there
 */
function timeTold(video, otherwise) {
  if (!("requestVideoFrameCallback" in video)) return async () => otherwise;
  /** @type {(time: number) => void} */
  let tell = () => undefined;
  /** @type {Promise<number>} */
  const told = new Promise((resolve) => {
    tell = resolve;
  });
  const asked = video.requestVideoFrameCallback((_, { mediaTime }) => tell(mediaTime));
  return () => {
    setTimeout(() => {
      video.cancelVideoFrameCallback(asked);
      tell(otherwise);
    }, TELLS_MS);
    return told;
  };
}
