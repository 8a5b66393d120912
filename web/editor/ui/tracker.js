/**
 * What follows boxes: a worker, or the page itself where no worker starts (a policy forbids it, the browser is old).
 *
 * @import { Followers, Found, Share } from "../tracking/followers.js"
 * @import { Answer } from "../tracking/worker.js"
 *
 * @typedef {object} Tracker
 * @property {boolean} isWorker
 * @property {(rgba: Uint8ClampedArray, size: readonly [number, number], boxes: readonly Share[]) => Promise<number>} begin see `Followers.plain`;
 *   the picture must not be used afterwards
 * @property {(rgba: Uint8ClampedArray) => Promise<Found[]>} step likewise
 * @property {() => void} close at any moment; what is under way is never answered
 */

import { createFollowers } from "../tracking/followers.js";

const WORKER = new URL("../tracking/worker.js", import.meta.url);
/** A worker's scripts come from ComfyUI, which may be far away. */
const STARTS_MS = 5000;
/** A worker that the browser ended for want of memory says nothing. A picture takes a tenth of a second, on a busy machine a few. */
const ANSWERS_MS = 30_000;

/**
 * @param {string} broken what is said when the worker ends early, such as when memory runs out
 * @returns {Promise<Tracker>}
 */
export async function startTracker(broken) {
  const worker = await startWorker();
  return worker ? workerTracker(worker, broken) : pageTracker();
}

/** @returns {Promise<Worker | undefined>} undefined: none starts here */
function startWorker() {
  return new Promise((resolve) => {
    try {
      const worker = new Worker(WORKER, { type: "module" });
      const timer = setTimeout(fail, STARTS_MS);
      function fail() {
        clearTimeout(timer);
        worker.terminate();
        resolve(undefined);
      }
      worker.addEventListener("error", (event) => {
        event.preventDefault();
        fail();
      }, { once: true });
      worker.addEventListener("message", () => {
        clearTimeout(timer);
        resolve(worker);
      }, { once: true });
    } catch {
      resolve(undefined);
    }
  });
}

/** @param {Worker} worker @param {string} broken @returns {Tracker} */
function workerTracker(worker, broken) {
  /** @param {object} message @param {Uint8ClampedArray} rgba @returns {Promise<Answer>} @throws {RangeError} */
  const ask = (message, rgba) => new Promise((resolve, reject) => {
    const listening = new AbortController();
    const end = () => {
      clearTimeout(timer);
      listening.abort();
    };
    /** @param {Event} [event] */
    const fail = (event) => {
      event?.preventDefault();
      end();
      worker.terminate();
      reject(new RangeError(broken));
    };
    const timer = setTimeout(() => fail(), ANSWERS_MS);
    worker.addEventListener("message", ({ data }) => {
      end();
      resolve(data);
    }, { signal: listening.signal });
    for (const name of ["error", "messageerror"]) worker.addEventListener(name, fail, { signal: listening.signal });
    worker.postMessage({ rgba, ...message }, [rgba.buffer]);
  });
  return {
    isWorker: true,
    async begin(rgba, size, boxes) {
      const answer = await ask({ begin: { size, boxes: boxes.map(({ x, y, w, h }) => ({ x, y, w, h })) } }, rgba);
      return "plain" in answer ? answer.plain : -1;
    },
    async step(rgba) {
      const answer = await ask({}, rgba);
      return "found" in answer ? answer.found : [];
    },
    close: () => worker.terminate(),
  };
}

/** @returns {Tracker} */
function pageTracker() {
  /** @type {Followers | undefined} */
  let followers;
  return {
    isWorker: false,
    async begin(rgba, size, boxes) {
      followers = createFollowers(rgba, size, boxes);
      return followers.plain;
    },
    step: async (rgba) => followers?.step(rgba) ?? [],
    close: () => undefined,
  };
}
