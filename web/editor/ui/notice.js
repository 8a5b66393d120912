/**
 * A line on the picture when it is not the one that the node gets, with a button that gets it.
 *
 * @import { Texts } from "../texts/texts.js"
 */

import { element, setHidden, setText } from "./dom.js";

/**
 * @param {Texts} texts
 * @param {() => Promise<void>} peek compute the start image alone
 * @param {(problem: string) => void} fail
 * @returns {{element: HTMLElement, update: (reason: "unknown" | "changed" | "unseen" | undefined) => void}} undefined: hide it
 */
export function createNotice(texts, peek, fail) {
  const text = element("span", { role: "status" });
  const button = element("button", { type: "button", class: "fm-plain", title: texts.pictureShowTip }, texts.pictureShow);
  const box = element("div", { class: "fm-notice", hidden: true }, text, button);

  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await peek();
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
    button.disabled = false;
  });

  return {
    element: box,
    update(reason) {
      setHidden(box, reason === undefined);
      if (reason) setText(text, { unknown: texts.pictureUnknown, changed: texts.pictureChanged, unseen: texts.pictureUnseen }[reason]);
    },
  };
}
