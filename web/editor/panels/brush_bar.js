/**
 * What the mask brush does, while it is the tool: add or take away, how large it is, and no mask at all.
 *
 * @import { CommandContext } from "./toolbar.js"
 */

import { MAX_BRUSH, MIN_BRUSH } from "./aim.js";
import { caption, commandButton } from "./toolbar.js";
import { element, iconButton, setAttribute } from "../ui/dom.js";

/**
 * @param {CommandContext} context
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createBrushBar(context) {
  const { session, texts } = context;
  const kinds = /** @type {const} */ ([[true, "plus", texts.brushAdd], [false, "minus", texts.brushTake]]).map(([adds, icon, text]) => {
    const button = iconButton(icon, text, () => session.set({ brushAdds: adds }));
    button.append(caption(text));
    return { adds, button };
  });
  // By its square root: small sizes need finer steps.
  const slider = element("input", {
    type: "range", class: "fm-slider", "aria-label": texts.brushSize, title: texts.brushSize,
    min: Math.sqrt(MIN_BRUSH), max: Math.sqrt(MAX_BRUSH), step: 0.5,
  });
  slider.addEventListener("input", () => session.set({ brushSize: Math.round(Number(slider.value) ** 2) }));
  const size = element("span", { class: "fm-caption", "aria-hidden": "true" });
  const clear = commandButton(context, "clearMask");
  const box = element("div", { class: "fm-fields fm-brush", role: "group", "aria-label": texts.brushBar },
    ...kinds.map(({ button }) => button), slider, size, clear.button);
  return {
    element: box,
    update() {
      const { tool, brushAdds, brushSize } = session.state;
      box.hidden = tool !== "brush";
      if (box.hidden) return;
      for (const { adds, button } of kinds) setAttribute(button, "aria-pressed", String(adds === brushAdds));
      slider.value = String(Math.sqrt(brushSize));
      setAttribute(slider, "aria-valuetext", String(brushSize));
      size.textContent = String(brushSize);
      clear.update();
    },
  };
}
