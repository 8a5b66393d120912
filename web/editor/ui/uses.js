/**
 * A line on the picture of a node in a subgraph that is used several times with different pictures, with a button to the next one.
 *
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {{name: string, number: number, count: number}} Use the subgraph's node, which one of how many, from 1
 */

import { element, setHidden, setText } from "./dom.js";
import { fill } from "../texts/texts.js";

/**
 * @param {Texts} texts
 * @param {() => void} next
 * @returns {{element: HTMLElement, update: (use: Use | undefined) => void}} undefined: hide it
 */
export function createUses(texts, next) {
  const text = element("span", { role: "status" });
  const button = element("button", { type: "button", class: "fm-plain", title: texts.useNextTip }, texts.useNext);
  const box = element("div", { class: "fm-notice", hidden: true }, text, button);
  button.addEventListener("click", next);
  return {
    element: box,
    update(use) {
      setHidden(box, use === undefined);
      if (use) setText(text, fill(texts.useShown, use.name, use.number, use.count));
    },
  };
}
