/**
 * Small fields for the inspector: a number, a text, a colour, a choice. A value counts when it is finished (change).
 *
 * @import { Rule } from "./guard.js"
 */

import { element } from "./dom.js";
import { guardNumber } from "./guard.js";

/**
 * @param {string} short shown before the field
 * @param {string} label its name
 * @param {(value: number) => void} onChange
 * @param {Record<string, string | number>} [attributes]
 * @param {() => Rule | undefined} [rule] what it refuses, and what it offers instead
 * @returns {{element: HTMLLabelElement, input: HTMLInputElement, show: (value: number | undefined) => void}}
 */
export function numberField(short, label, onChange, attributes = {}, rule = () => undefined) {
  const input = element("input", { type: "number", step: "1", "aria-label": label, title: label, ...attributes });
  let shown = "";
  const guard = guardNumber(input, rule, (value) => {
    if (value === undefined) input.value = shown;
    else onChange(value);
  });
  input.addEventListener("change", () => {
    if (guard.refuses && input.value === "") guard.close();
    const value = guard.read();
    if (value !== undefined) onChange(value);
    else if (!guard.refuses) input.value = shown;
  });
  input.addEventListener("keydown", (event) => {
    // Enter on a value that is refused stays in the field; a second one takes the offer and continues.
    if (event.key !== "Enter" || input.value === shown) return;
    guard.read();
    if (!guard.refuses) return;
    event.preventDefault();
    event.stopPropagation();
  });
  return {
    element: element("label", { class: "fm-field" }, element("span", { "aria-hidden": "true" }, short), input),
    input,
    show(value) {
      shown = value === undefined ? "" : String(Number(value.toFixed(1)));
      input.disabled = value === undefined;
      if (guard.refuses) return;
      // Not while the user is typing in it.
      if (document.activeElement !== input || !input.matches(":focus")) input.value = shown;
      else if (Number(input.value) !== value && value !== undefined) input.value = shown;
    },
  };
}

/**
 * @param {string} label
 * @param {readonly (readonly [string, string])[]} options value and text
 * @param {(value: string) => void} onChange
 * @returns {HTMLSelectElement}
 */
export function choiceField(label, options, onChange) {
  const select = element("select", { class: "fm-select", "aria-label": label, title: label });
  for (const [value, text] of options) select.append(element("option", { value }, text));
  select.addEventListener("change", () => onChange(select.value));
  return select;
}
