/** Work that waits until an element is in sight. It is done in idle moments of the page, one piece in each. */

/** After so many milliseconds it is done in a busy page too. */
const PATIENCE_MS = 200;
/** @type {WeakMap<Element, () => void>} */
const waiting = new WeakMap();
/** @type {Set<Element>} */
const seen = new Set();
let asked = false;

const observer = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (isIntersecting && waiting.has(target)) seen.add(target);
    else seen.delete(target);
  }
  ask();
});

function ask() {
  if (asked || !seen.size) return;
  asked = true;
  // Safari has no such moments.
  if ("requestIdleCallback" in globalThis) requestIdleCallback(workOnce, { timeout: PATIENCE_MS });
  else setTimeout(workOnce);
}

function workOnce() {
  asked = false;
  const [target] = seen;
  seen.delete(target);
  waiting.get(target)?.();
  ask();
}

/**
 * @param {Element} target
 * @param {() => void} run called at most once
 * @returns {() => void} do not wait any longer
 */
export function whenSeen(target, run) {
  const forget = () => {
    waiting.delete(target);
    seen.delete(target);
    observer.unobserve(target);
  };
  waiting.set(target, () => {
    forget();
    run();
  });
  observer.observe(target);
  return forget;
}
