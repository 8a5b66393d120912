/**
 * The clip's own fields: size, length, speed. A change of length asks what happens to the motion; one of the size keeps boxes on the
 * picture. A field that another node decides shows its value and cannot be changed here.
 *
 * @import { ClipField } from "../edit/clip.js"
 * @import { Size } from "../model/crop.js"
 * @import { Cut } from "./cut.js"
 * @import { CommandContext } from "./toolbar.js"
 */

import { element, setAttribute, setHidden, setText } from "../ui/dom.js";
import { numberField } from "../ui/fields.js";
import { MAX_FPS, MAX_FRAMES, MAX_SIDE, MIN_SIDE } from "../model/limits.js";
import { setFps, setFrames } from "../edit/operations.js";
import { resized } from "../edit/resize.js";
import { openMenu } from "../ui/popup.js";
import { fill } from "../texts/texts.js";
import { lengthRule, rangeRule, sideRule } from "../ui/rules.js";

/**
 * @param {CommandContext & {root: () => HTMLElement, pictureSize: () => Size | undefined, cut: Cut}} context
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createClipFields({ session, texts, root, pictureSize, cut }) {
  const side = { min: MIN_SIDE, max: MAX_SIDE, step: 32 };
  /** @param {0 | 1} index @param {number} value */
  const resize = (index, value) => {
    const size = /** @type {[number, number]} */ ([...session.state.document.size]);
    size[index] = value;
    const before = session.state.document;
    const message = before.objects.length && pictureSize() ? texts.saidFollowed : "";
    if (value !== before.size[index]) session.edit(texts.stepClip, (document) => resized(document, size, pictureSize()), { message });
    update();
  };
  const width = numberField(texts.w, texts.width, (value) => resize(0, value), side, sideRule(texts));
  const height = numberField(texts.h, texts.height, (value) => resize(1, value), side, sideRule(texts));
  const frames = numberField(texts.frames, texts.frames, changeLength, { min: 1, max: MAX_FRAMES, step: 4 }, lengthRule(texts));
  const fps = numberField("fps", texts.fps, (value) => {
    session.edit(texts.stepClip, (document) => setFps(document, { fps: value }));
    update();
  }, { min: 1, max: MAX_FPS, step: "any" }, rangeRule(texts, () => ({ low: 1, high: MAX_FPS })));
  const share = element("button", { type: "button", class: "fm-chip", title: texts.cutLong, hidden: true });
  share.addEventListener("click", cut.toggle);
  const box = element("div", { class: "fm-fields", role: "group", "aria-label": texts.clip },
    element("span", { class: "fm-caption" }, texts.clip), width.element, height.element, frames.element, fps.element, share,
    element("span", { class: "fm-break" }), element("span", { class: "fm-caption" }, texts.clipHint));

  /** @param {number} length */
  function changeLength(length) {
    const now = session.state.document;
    /** @param {"retime" | "trim"} fit */
    const run = (fit) => session.edit(texts.stepClip, (document) => setFrames(document, { frames: length, fit }));
    const moves = now.objects.some(({ keyframes, hidden }) => keyframes.length > 1 || keyframes[0].frame > 0 || hidden.length > 0);
    if (length === now.frames) return;
    if (!moves) run("trim");
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

  /** @param {ReturnType<typeof numberField>} field @param {ClipField} name @param {string} label @param {number} value */
  function show({ show: put, input }, name, label, value) {
    const linked = session.state.clip.linked[name];
    const known = session.state.clip[name] !== undefined;
    put(linked && !known ? undefined : value);
    input.disabled = linked !== undefined;
    const title = linked ? fill(known ? texts.fromNode : texts.fromNodeUnknown, label) : label;
    setAttribute(input, "title", title);
    setAttribute(input, "aria-label", title);
    setAttribute(input, "placeholder", linked && !known ? "?" : undefined);
  }

  function update() {
    const { size, frames: length, fps: rate } = session.shown;
    show(width, "width", texts.width, size[0]);
    show(height, "height", texts.height, size[1]);
    show(frames, "frames", texts.frames, length);
    fps.show(rate);
    const text = cut.share();
    setHidden(share, !text);
    setText(share, text);
    setAttribute(share, "aria-pressed", String(cut.margins !== undefined));
  }
  return { element: box, update };
}
