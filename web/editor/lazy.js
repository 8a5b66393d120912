/**
 * An editor that is built when it is first seen or touched. Until then an empty box of the same size stands in its place, so that a
 * workflow with many editors opens fast.
 *
 * @import { Editor, Host } from "./editor.js"
 */

import { createTold } from "./edit/told.js";
import { createEditor } from "./editor.js";
import { textsFor } from "./texts/texts.js";
import { element } from "./ui/dom.js";
import { whenSeen } from "./ui/when_seen.js";

/** The first event when the box is reached for before it was seen. */
const TOUCHES = ["pointerover", "dragenter", "focusin"];

/**
 * @param {Host} host
 * @returns {Editor}
 */
export function createLazyEditor(host) {
  addStyleSheets();
  const box = element("section", { class: "fm-editor", "aria-label": textsFor(host.locale).editor, "data-capture-wheel": "true", tabindex: 0 });
  const wrapper = element("div", { class: "fm-wrapper" }, box);
  const told = createTold();
  /** @type {Editor | undefined} */
  let editor;

  function build() {
    if (editor) return editor;
    forget();
    for (const name of TOUCHES) box.removeEventListener(name, build);
    const focused = document.activeElement === box;
    editor = createEditor(host, wrapper, box);
    told.replay(editor);
    if (focused) editor.focus();
    box.removeAttribute("tabindex");
    return editor;
  }
  const forget = whenSeen(box, build);
  for (const name of TOUCHES) box.addEventListener(name, build);
  const now = () => editor ?? told;

  return {
    element: wrapper,
    load: (text) => now().load(text),
    value: () => editor?.value() ?? told.text ?? build().value(),
    setBackground: (background) => now().setBackground(background),
    setResult: (result) => now().setResult(result),
    setLive: (live) => now().setLive(live),
    setResolved: (text, notes) => now().setResolved(text, notes),
    clip: () => build().clip(),
    setClip: (clip) => now().setClip(clip),
    changeClip: (clip) => build().changeClip(clip),
    setRunProblem: (problem) => now().setRunProblem(problem),
    setLinked: (linked) => now().setLinked(linked),
    openLarge: (onClose) => build().openLarge(onClose),
    focus: () => build().focus(),
    release: () => editor?.release(),
    layout: () => editor?.layout(),
    refresh: () => editor?.refresh(),
  };
}

let isStyled = false;

/** Add the style sheets once to the page, because an editor may be anywhere in it. */
function addStyleSheets() {
  if (isStyled) return;
  isStyled = true;
  for (const name of ["editor.css", "panels.css", "clip.css", "video.css", "widths.css"]) {
    document.head.append(element("link", { rel: "stylesheet", href: new URL(name, import.meta.url).href }));
  }
}
