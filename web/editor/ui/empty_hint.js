/**
 * How to begin, over a picture without boxes.
 *
 * @import { Tool } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { element, setHidden, setText } from "./dom.js";

/**
 * @param {Texts} texts
 * @returns {{element: HTMLElement, show: (needed: boolean, tool: Tool) => void}} show: say what to do with a tool, or nothing
 */
export function createEmptyHint(texts) {
  const title = element("strong");
  const more = element("span");
  const box = element("div", { class: "fm-empty" }, title, more);
  return {
    element: box,
    show(needed, tool) {
      setHidden(box, !needed);
      const [first, second] = tool === "pen" ? [texts.emptyPen, texts.emptyPenMore]
        : tool === "thing" ? [texts.emptyThing, texts.emptyThingMore] : [texts.empty, texts.emptyMore];
      setText(title, first);
      setText(more, second);
    },
  };
}
