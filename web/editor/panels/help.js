/**
 * The help panel: how to begin, and every key.
 *
 * @import { Texts } from "../texts/texts.js"
 */

import { COMMANDS } from "./commands.js";
import { element, iconButton } from "../ui/dom.js";
import { openPopup } from "../ui/popup.js";
import { keyName } from "./toolbar.js";

/**
 * @param {HTMLElement} root
 * @param {{left: number, top: number, bottom: number}} beside
 * @param {Texts} texts
 */
export function openHelp(root, beside, texts) {
  const list = element("dl", { class: "fm-keys" });
  /** @param {readonly string[]} keys @param {string} text */
  const add = (keys, text) => {
    list.append(element("dt", {}, ...keys.map((key) => element("kbd", {}, keyName(key)))), element("dd", {}, text));
  };
  add(["\u2190 \u2191 \u2192 \u2193"], texts.nudge);
  add(["Alt+\u2190 \u2191 \u2192 \u2193"], texts.grow);
  add(["Ctrl+\u2190 \u2191 \u2192 \u2193"], texts.nudgeWhole);
  add(["\u2190 \u2191 \u2192 \u2193", "Enter"], texts.aim);
  for (const { keys, text } of Object.values(COMMANDS)) if (keys?.length) add(keys.slice(0, 2), texts[text]);
  add(["Ctrl+C"], texts.copy);
  add(["Ctrl+V"], texts.paste);
  const content = element("div", { class: "fm-help", role: "dialog", "aria-label": texts.help, tabindex: "-1" },
    element("div", { class: "fm-form-head" }, element("strong", {}, texts.help), iconButton("close", texts.close, () => close())),
    element("p", {}, element("strong", {}, texts.empty), element("br"), texts.emptyMore), list);
  content.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") event.stopPropagation();
  });
  const close = openPopup(root, beside, content);
  content.focus();
}
