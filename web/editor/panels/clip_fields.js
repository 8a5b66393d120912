/**
 * The clip's own fields: size, length, speed. A change of length asks what happens to the motion.
 *
 * @import { CommandContext } from "./toolbar.js"
 */

import { element } from "../ui/dom.js";
import { numberField } from "../ui/fields.js";
import { MAX_FPS, MAX_FRAMES, MAX_SIDE, MIN_SIDE } from "../model/limits.js";
import { setFps, setFrames, setSize } from "../edit/operations.js";
import { openMenu } from "../ui/popup.js";
import { fill } from "../texts/texts.js";

/**
 * @param {CommandContext & {root: () => HTMLElement}} context
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createClipFields({ session, texts, root }) {
  /** @param {0 | 1} side @param {number} value */
  const resize = (side, value) => {
    const size = [...session.state.document.size];
    size[side] = Math.round(value);
    session.edit(texts.stepClip, (document) => setSize(document, { width: size[0], height: size[1] }));
    update();
  };
  const width = numberField(texts.w, texts.width, (value) => resize(0, value), { min: MIN_SIDE, max: MAX_SIDE, step: 32 });
  const height = numberField(texts.h, texts.height, (value) => resize(1, value), { min: MIN_SIDE, max: MAX_SIDE, step: 32 });
  const frames = numberField(texts.frames, texts.frames, (value) => changeLength(Math.round(value)), { min: 1, max: MAX_FRAMES, step: 4 });
  const fps = numberField("fps", texts.fps, (value) => {
    session.edit(texts.stepClip, (document) => setFps(document, { fps: value }));
    update();
  }, { min: 1, max: MAX_FPS });
  const box = element("div", { class: "fm-fields", role: "group", "aria-label": texts.clip },
    element("span", { class: "fm-caption" }, texts.clip), width.element, height.element, frames.element, fps.element,
    element("span", { class: "fm-break" }), element("span", { class: "fm-caption" }, texts.clipHint));

  /** @param {number} length */
  function changeLength(length) {
    const now = session.state.document;
    /** @param {"retime" | "trim"} fit */
    const run = (fit) => session.edit(texts.stepClip, (document) => setFrames(document, { frames: length, fit }));
    const moves = now.objects.some(({ keyframes, hidden }) => keyframes.length > 1 || keyframes[0].frame > 0 || hidden.length > 0);
    if (length === now.frames) return;
    if (!moves || length < 1 || length > MAX_FRAMES) run("trim");
    else {
      openMenu(root(), frames.element.getBoundingClientRect(), fill(texts.lengthAsk, now.frames, length), [
        { text: texts.lengthRetime, run: () => void run("retime") },
        { text: texts.lengthTrim, run: () => void run("trim") },
        "-",
        { text: texts.cancel, run: update },
      ]);
    }
    update();
  }

  function update() {
    const { size, frames: length, fps: rate } = session.shown;
    width.show(size[0]);
    height.show(size[1]);
    frames.show(length);
    fps.show(rate);
  }
  return { element: box, update };
}
