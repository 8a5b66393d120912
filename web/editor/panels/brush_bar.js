/**
 * What the tools of masks do, while one is in use: add or take away, which a finger could not say by Shift and Alt, how large the brush is,
 * and no mask at all.
 *
 * @import { CommandContext } from "./toolbar.js"
 */

import { MAX_BRUSH, MIN_BRUSH } from "./aim.js";
import { caption, commandButton } from "./toolbar.js";
import { element, iconButton, setAttribute, setHidden } from "../ui/dom.js";

/**
 * @param {CommandContext} context
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createBrushBar(context) {
  const { session, texts } = context;
  const kinds = /** @type {const} */ ([["new", "box", texts.thingNew], ["add", "plus", texts.brushAdd], ["take", "minus", texts.brushTake]]).map(([how, icon, text]) => {
    const button = iconButton(icon, text, () => session.set(how === "new" ? { thingHow: how } : { thingHow: how, brushAdds: how === "add" }));
    button.append(caption(text));
    return { how, button };
  });
  // By its square root: small sizes need finer steps.
  const slider = element("input", {
    type: "range", class: "fm-slider", "aria-label": texts.brushSize, title: texts.brushSize,
    min: Math.sqrt(MIN_BRUSH), max: Math.sqrt(MAX_BRUSH), step: 0.5,
  });
  slider.addEventListener("input", () => session.set({ brushSize: Math.round(Number(slider.value) ** 2) }));
  const size = element("span", { class: "fm-caption", "aria-hidden": "true" });
  const clear = commandButton(context, "clearMask");
  const box = element("div", { class: "fm-fields fm-brush", role: "group" },
    ...kinds.map(({ button }) => button), slider, size, clear.button);
  return {
    element: box,
    update() {
      const { tool, brushAdds, brushSize, thingHow } = session.state;
      const paints = tool === "brush";
      setHidden(box, !paints && tool !== "thing");
      if (box.hidden) return;
      setAttribute(box, "aria-label", paints ? texts.brushBar : texts.thingBar);
      const now = paints ? (brushAdds ? "add" : "take") : thingHow;
      for (const { how, button } of kinds) {
        setHidden(button, paints && how === "new");
        setAttribute(button, "aria-pressed", String(how === now));
      }
      for (const shown of [slider, size]) setHidden(shown, !paints);
      slider.value = String(Math.sqrt(brushSize));
      setAttribute(slider, "aria-valuetext", String(brushSize));
      size.textContent = String(brushSize);
      clear.update();
    },
  };
}
