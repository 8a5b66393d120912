/**
 * Menus and small panels above everything else: native popovers, so that no renderer's transform or clipping affects them,
 * and a click outside or Escape closes them.
 *
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} Entry
 * @property {string} text
 * @property {() => void} run
 * @property {string} [key]
 * @property {boolean} [disabled]
 * @property {boolean} [checked] given: the entry turns something on and off
 * @property {boolean} [single] one of several of which one is on
 * @typedef {Entry | "-"} MenuItem
 */

import { element, iconButton } from "./dom.js";
import { guardNumber } from "./guard.js";
import { rangeRule } from "./rules.js";

/**
 * Show content beside a place.
 * @param {HTMLElement} root the editor, whose style it takes
 * @param {{left: number, top: number, bottom: number}} beside viewport pixels
 * @param {HTMLElement} content
 * @param {string} [className]
 * @returns {() => void} close it
 */
export function openPopup(root, beside, content, className = "") {
  const before = document.activeElement;
  const popup = element("div", { class: `fm-popup ${className}`, popover: "auto", tabindex: -1 }, content);
  popup.addEventListener("toggle", (event) => {
    if (/** @type {ToggleEvent} */ (event).newState !== "closed") return;
    popup.remove();
    if (before instanceof HTMLElement && (document.activeElement === document.body || !document.activeElement)) before.focus({ preventScroll: true });
  });
  // Keep keys and drags from ComfyUI.
  for (const name of ["pointerdown", "wheel", "contextmenu"]) popup.addEventListener(name, (event) => event.stopPropagation());
  root.append(popup);
  popup.showPopover();
  const { offsetWidth: w, offsetHeight: h } = popup;
  const below = beside.bottom + 4 + h <= innerHeight;
  popup.style.left = `${Math.max(Math.min(beside.left, innerWidth - w - 8), 8)}px`;
  popup.style.top = `${Math.max(below ? beside.bottom + 4 : Math.min(beside.top - h - 4, innerHeight - h - 8), 8)}px`;
  return () => popup.hidePopover();
}

/**
 * A menu of buttons; arrow keys go through it.
 * @param {HTMLElement} root
 * @param {{left: number, top: number, bottom: number}} beside
 * @param {string} label
 * @param {readonly MenuItem[]} items
 */
export function openMenu(root, beside, label, items) {
  const menu = element("div", { class: "fm-menu", role: "menu", "aria-label": label });
  for (const item of items) {
    if (item === "-") {
      menu.append(element("div", { class: "fm-rule", role: "separator" }));
      continue;
    }
    const role = item.checked === undefined ? "menuitem" : item.single ? "menuitemradio" : "menuitemcheckbox";
    const checked = item.checked === undefined ? undefined : String(item.checked);
    const button = element("button", { type: "button", role, class: "fm-item", disabled: item.disabled ?? false, "aria-checked": checked },
      element("span", {}, item.text));
    if (item.key) button.append(element("kbd", {}, item.key));
    button.addEventListener("click", () => {
      close();
      item.run();
    });
    menu.append(button);
  }
  menu.addEventListener("keydown", (event) => {
    const buttons = [...menu.querySelectorAll("button:enabled")];
    const index = buttons.indexOf(/** @type {Element} */ (document.activeElement));
    const next = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (event.key !== "Escape" && event.key !== "Tab") event.stopPropagation();
    if (next === undefined) return;
    event.preventDefault();
    const target = buttons.at(next % buttons.length);
    if (target instanceof HTMLElement) target.focus();
  });
  const close = openPopup(root, beside, menu);
  // Later, because the Enter that ended a field would press the button.
  requestAnimationFrame(() => /** @type {HTMLElement | null} */ (menu.querySelector("button:enabled"))?.focus());
}

/**
 * @typedef {object} FormField
 * @property {string} name
 * @property {string} label
 * @property {number} value
 * @property {number} min
 * @property {number} max
 * @property {number} [step] 1 (by default): whole numbers only
 */

/**
 * A panel with number fields and a button.
 * @param {HTMLElement} root
 * @param {{left: number, top: number, bottom: number}} beside
 * @param {{title: string, texts: Texts, apply?: string, fields: readonly FormField[]}} form
 * @param {(values: Record<string, number>) => boolean} run closes the panel when it returns true
 */
export function openForm(root, beside, { title, texts, apply = texts.apply, fields }, run) {
  // Our own refusals offer the nearest value, in the editor's language.
  const body = element("form", { class: "fm-form", "aria-label": title, novalidate: true });
  const head = element("div", { class: "fm-form-head" }, element("strong", {}, title));
  head.append(iconButton("close", texts.close, () => close()));
  body.append(head);
  const guarded = fields.map(({ name, label, value, min, max, step = 1 }) => {
    const input = element("input", { type: "number", name, value, min, max, step });
    body.append(element("label", {}, element("span", {}, label), input));
    const guard = guardNumber(input, rangeRule(texts, () => ({ low: min, high: max, whole: step === 1 })), () => undefined);
    return { name, input, guard, value };
  });
  body.append(element("button", { type: "submit", class: "fm-primary" }, apply));
  body.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") event.stopPropagation();
  });
  body.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = guarded.map(({ name, guard }) => /** @type {const} */ ([name, guard.read()]));
    const wrong = values.findIndex(([, value]) => value === undefined);
    if (wrong >= 0) {
      const { input, guard, value } = guarded[wrong];
      if (!guard.refuses) input.value = String(value);
      input.focus();
    } else if (run(Object.fromEntries(values.map(([name, value]) => [name, value ?? 0])))) close();
  });
  const close = openPopup(root, beside, body);
  body.querySelector("input")?.focus();
}
