/**
 * A line on the picture about the run: how far sampling is, with a button that ends it, or that the result is of another drawing.
 *
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {{step: number, steps: number, picture?: Blob}} Sampling steps 0: not known yet; picture: the sampler's own
 */

import { element, setHidden, setText } from "./dom.js";
import { fill } from "../texts/texts.js";

/**
 * @param {Texts} texts
 * @param {() => void} cancel
 * @returns {{element: HTMLElement, update: (sampling: Sampling | undefined, isOld: boolean) => void}}
 */
export function createRunLine(texts, cancel) {
  const text = element("span", { role: "status" });
  const button = element("button", { type: "button", class: "fm-plain", title: texts.cancelRunTip }, texts.cancelRun);
  // First, so that it does not move while the text changes.
  const box = element("div", { class: "fm-notice", hidden: true }, button, text);
  button.addEventListener("click", cancel);
  return {
    element: box,
    update(sampling, isOld) {
      setHidden(box, !sampling && !isOld);
      setHidden(button, !sampling);
      if (sampling) setText(text, [fill(texts.samplingStep, sampling.step, sampling.steps || "?"), sampling.picture ? texts.samplingShown : ""].join(" ").trim());
      else if (isOld) setText(text, texts.resultOld);
    },
  };
}
