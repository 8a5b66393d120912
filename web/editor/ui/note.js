/**
 * A line above the picture about something to know or to decide, with buttons.
 *
 * @typedef {{text: string, run: () => void, title?: string, main?: boolean}} Action
 * @typedef {{text: string, actions: readonly Action[], dismiss?: {text: string, run: () => void}}} Said
 */

import { element, iconButton, setAttribute, setChildren, setHidden, setText } from "./dom.js";

/**
 * @param {"alert" | "status"} role alert: read out at once
 * @param {string} className
 * @returns {{element: HTMLElement, update: (said: Said | undefined) => void}} undefined: hide it
 */
export function createNote(role, className) {
  const text = element("span", { role });
  const buttons = element("span", { class: "fm-note-actions" });
  const close = iconButton("close", "", () => now?.dismiss?.run());
  const box = element("div", { class: `fm-note ${className}`, hidden: true }, element("div", { class: "fm-note-body" }, text, buttons), close);
  let shown = "";
  /** @type {Said | undefined} */
  let now;

  return {
    element: box,
    update(said) {
      setHidden(box, said === undefined);
      setText(text, said?.text ?? "");
      now = said;
      setHidden(close, said?.dismiss === undefined);
      for (const name of ["aria-label", "title"]) setAttribute(close, name, said?.dismiss?.text ?? "");
      const actions = said?.actions ?? [];
      // What the buttons do may change while they look the same.
      const key = JSON.stringify(actions);
      if (key === shown) return;
      shown = key;
      setChildren(buttons, actions.map((action, index) => {
        const button = element("button", { type: "button", class: action.main ? "fm-plain fm-main" : "fm-plain", title: action.title }, action.text);
        button.addEventListener("click", () => now?.actions[index]?.run());
        return button;
      }));
    },
  };
}
