/** Small fields for the inspector: a number, a text, a colour, a choice. A value counts when it is finished (change). */

import { element } from "./dom.js";

/**
 * @param {string} short shown before the field
 * @param {string} label its name
 * @param {(value: number) => void} onChange
 * @param {Record<string, string | number>} [attributes]
 * @returns {{element: HTMLLabelElement, input: HTMLInputElement, show: (value: number | undefined) => void}}
 */
export function numberField(short, label, onChange, attributes = {}) {
  const input = element("input", { type: "number", step: "1", "aria-label": label, title: label, ...attributes });
  let shown = "";
  input.addEventListener("change", () => {
    const value = input.valueAsNumber;
    if (Number.isFinite(value)) onChange(value);
    else input.value = shown;
  });
  return {
    element: element("label", { class: "fm-field" }, element("span", { "aria-hidden": "true" }, short), input),
    input,
    show(value) {
      shown = value === undefined ? "" : String(Number(value.toFixed(1)));
      // Not while the user is typing in it.
      if (document.activeElement !== input || !input.matches(":focus")) input.value = shown;
      else if (Number(input.value) !== value && value !== undefined) input.value = shown;
      input.disabled = value === undefined;
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
