/** What a button does, for fingers, which see no tooltip: a long press says its name, and does nothing else. */

const LONG_MS = 500;

/**
 * @param {HTMLElement} root
 * @param {(name: string) => void} say
 */
export function sayOnLongPress(root, say) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {Element | undefined} */
  let named;

  root.addEventListener("pointerdown", ({ pointerType, target }) => {
    clearTimeout(timer);
    named = undefined;
    const button = pointerType === "touch" && target instanceof Element ? target.closest(".fm-button") : null;
    if (!button) return;
    timer = setTimeout(() => {
      named = button;
      say(button.getAttribute("aria-label") ?? "");
    }, LONG_MS);
  });
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) root.addEventListener(name, () => clearTimeout(timer));
  const swallow = (/** @type {Event} */ event) => {
    if (!named || !(event.target instanceof Node) || !named.contains(event.target)) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type === "click") named = undefined;
  };
  for (const name of ["click", "contextmenu"]) root.addEventListener(name, swallow, { capture: true });
}
