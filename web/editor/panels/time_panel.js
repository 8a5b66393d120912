/**
 * The lower half: transport, the list of objects, and the timeline beside it.
 *
 * @import { Hints } from "./hint_list.js"
 * @import { CommandContext } from "./toolbar.js"
 */

import { goToFrame, selectNext } from "./actions.js";
import { element, iconButton, setAttribute, setHidden, setText } from "../ui/dom.js";
import { numberField } from "../ui/fields.js";
import { rangeRule } from "../ui/rules.js";
import { createList } from "../timeline/list.js";
import { fill } from "../texts/texts.js";
import { createTimeline } from "../timeline/timeline.js";
import { createToolbar } from "./toolbar.js";

/**
 * @param {CommandContext & {root: () => HTMLElement, hints: Hints}} context
 * @param {() => void} focus give the keys back to the stage
 * @returns {{element: HTMLElement, update: () => void, zoom: (factor: number | undefined) => void}} zoom as in Actions
 */
export function createTimePanel(context, focus) {
  const { session, texts, actions, hints } = context;
  const goTo = (/** @type {number} */ at) => goToFrame(session, at);
  const timeline = createTimeline(session, texts, { goToFrame: goTo, focus });
  const objects = createList(session, texts, {
    rename: actions.rename, selectNext: (step) => selectNext(session, texts, step), hints: hints.linesOf, showHints: hints.show,
  });
  const count = iconButton("hint", "", () => hints.show(undefined, count.getBoundingClientRect()), { class: "fm-button fm-hints", "aria-haspopup": "dialog", hidden: true });
  const number = element("span", { "aria-hidden": "true" });
  count.append(number);
  const frame = numberField("", texts.frame, goTo, { min: 0 }, rangeRule(texts, () => ({ low: 0, high: session.shown.frames - 1, whole: true })));
  const last = element("span", {});
  const time = element("span", { class: "fm-seconds" });
  const transport = createToolbar(context, texts.timeline, [
    "stepBack", "play", "stepForward", "loop", "|", "addKey", "|", frame.element, element("span", { class: "fm-length" }, last, time), "<>",
    "timeOut", "timeFit", "timeIn",
  ], ["play", "addKey", "stepForward", "stepBack", "loop", "timeOut timeFit timeIn"]);
  const corner = createToolbar(context, texts.objects, ["newBox"]);
  corner.element.prepend(element("span", { class: "fm-caption" }, texts.objects), element("span", { class: "fm-spring" }), count);
  const head = element("div", { class: "fm-time-head" }, corner.element, timeline.ruler);
  const body = element("div", { class: "fm-time-body", tabindex: "-1" }, objects.list, objects.flags, timeline.tracks);
  body.addEventListener("wheel", (event) => {
    if (body.scrollHeight > body.clientHeight && body.contains(document.activeElement)) event.stopPropagation();
  });

  return {
    element: element("div", { class: "fm-time" }, transport.element, head, body),
    zoom: (factor) => (factor === undefined ? timeline.setSpan(undefined) : timeline.zoom(factor)),
    update() {
      const { state, shown } = session;
      // A row that a gesture adds would move the picture under the pointer.
      if (!state.draft) body.style.height = "";
      else if (!body.style.height) body.style.height = `${body.offsetHeight}px`;
      hints.update();
      setHidden(count, hints.count === 0);
      setText(number, String(hints.count));
      for (const name of ["aria-label", "title"]) setAttribute(count, name, fill(texts.hintCount, hints.count));
      transport.update();
      corner.update();
      objects.update();
      timeline.redraw();
      frame.show(state.frame);
      setText(last, `/ ${shown.frames - 1}`);
      setText(time, fill(texts.seconds, (state.frame / shown.fps).toFixed(2)));
    },
  };
}
