/** Making elements. Text is always set as text, because names come from untrusted workflow files. */

import { ICONS } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element with attributes and children; strings become text.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | undefined>} [attributes] true: an empty attribute; false, undefined: none
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) setAttribute(made, name, value);
  made.append(...children);
  return made;
}

/**
 * @param {Element} target
 * @param {string} name
 * @param {string | number | boolean | undefined} value
 */
export function setAttribute(target, name, value) {
  const text = value === undefined || value === false ? null : value === true ? "" : String(value);
  // Writing what is there already makes the page look through its styles again.
  if (target.getAttribute(name) === text) return;
  if (text === null) target.removeAttribute(name);
  else target.setAttribute(name, text);
}

/**
 * The same for the attribute `hidden`.
 * @param {HTMLElement} target
 * @param {boolean} hidden
 */
export function setHidden(target, hidden) {
  if (target.hidden !== hidden) target.hidden = hidden;
}

/**
 * The same for the value of a field.
 * @param {HTMLInputElement | HTMLSelectElement} field
 * @param {string} value
 */
export function setValue(field, value) {
  if (field.value !== value) field.value = value;
}

/**
 * One of our icons, for the eye only.
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const picture = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 16 16", width: "16", height: "16", "aria-hidden": "true" })) {
    picture.setAttribute(key, value);
  }
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  picture.append(path);
  return picture;
}

/**
 * A button with an icon and an accessible name.
 * @param {string} iconName
 * @param {string} label
 * @param {(event: MouseEvent) => void} onClick
 * @param {Record<string, string | boolean | undefined>} [attributes]
 * @returns {HTMLButtonElement}
 */
export function iconButton(iconName, label, onClick, attributes = {}) {
  const button = element("button", { type: "button", class: "fm-button", title: label, "aria-label": label, ...attributes });
  button.append(icon(iconName));
  button.addEventListener("click", onClick);
  return button;
}

/**
 * Replace an element's children only when they differ, so that focus and selection survive.
 * @param {Element} parent
 * @param {readonly Node[]} children
 */
export function setChildren(parent, children) {
  const old = parent.childNodes;
  if (old.length === children.length && children.every((child, index) => child === old[index])) return;
  parent.replaceChildren(...children);
}

/**
 * Set the text only when it differs, or a live region would announce it again.
 * @param {Element} target
 * @param {string} text
 */
export function setText(target, text) {
  if (target.textContent !== text) target.textContent = text;
}
