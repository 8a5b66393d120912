/** One stop of the Tab key for a whole bar; the arrow keys go from button to button. */

/**
 * @param {HTMLElement} bar its buttons are `.fm-button`; fields in it are stops of their own
 * @returns {{update: (inSight: (button: HTMLElement) => boolean) => void}} to call when buttons appeared or went, with what the caller
 *   knows of them: asking the page would make it look through its styles for each bar of each editor that comes into sight
 */
export function roveAlong(bar) {
  /** @type {HTMLElement | undefined} */
  let stop;
  /** @returns {HTMLElement[]} */
  const buttons = () => [...bar.querySelectorAll(".fm-button")].filter((entry) => entry instanceof HTMLElement && entry.getClientRects().length > 0)
    .map((entry) => /** @type {HTMLElement} */ (entry));

  /** @param {HTMLElement} chosen */
  function choose(chosen) {
    for (const entry of bar.querySelectorAll(".fm-button")) /** @type {HTMLElement} */ (entry).tabIndex = entry === chosen ? 0 : -1;
    stop = chosen;
  }

  bar.addEventListener("focusin", ({ target }) => {
    if (target instanceof HTMLElement && target.matches(".fm-button")) choose(target);
  });
  bar.addEventListener("keydown", (event) => {
    const { target, key } = event;
    if (!(target instanceof HTMLElement) || !target.matches(".fm-button") || event.ctrlKey || event.metaKey || event.altKey || event.shiftKey) return;
    const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: 0, ArrowDown: 0 }[key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    if (key === "ArrowDown" && target.ariaHasPopup === "menu") target.click();
    if (!step) return;
    const all = buttons();
    all.at((all.indexOf(target) + step) % all.length)?.focus();
  });

  return {
    update(inSight) {
      if (stop && bar.contains(stop) && inSight(stop)) return;
      const first = [...bar.querySelectorAll(".fm-button")].find((entry) => entry instanceof HTMLElement && inSight(entry));
      if (first instanceof HTMLElement) choose(first);
    },
  };
}
