/**
 * The worker that follows boxes, so that the page's frames are not held up. ComfyUI loads every script of the pack into its page, too:
 * there this one does nothing.
 *
 * @import { Followers, Found, Share } from "./followers.js"
 *
 * @typedef {{rgba: Uint8ClampedArray, begin?: {size: readonly [number, number], boxes: readonly Share[]}}} Picture begin: the first one
 * @typedef {{ready: true} | {plain: number} | {found: Found[]}} Answer plain: see `Followers`
 * @typedef {{postMessage: (answer: Answer) => void, addEventListener: (name: "message", listen: (event: {data: Picture}) => void) => void}} Scope
 */

import { createFollowers } from "./followers.js";

/** Answer each picture. @param {Scope} scope */
export function serve(scope) {
  /** @type {Followers | undefined} */
  let followers;
  scope.addEventListener("message", ({ data: { rgba, begin } }) => {
    if (begin) {
      followers = createFollowers(rgba, begin.size, begin.boxes);
      scope.postMessage({ plain: followers.plain });
    } else if (followers) scope.postMessage({ found: followers.step(rgba) });
  });
  scope.postMessage({ ready: true });
}

if ("DedicatedWorkerGlobalScope" in globalThis) serve(/** @type {Scope} */ (/** @type {unknown} */ (globalThis)));
