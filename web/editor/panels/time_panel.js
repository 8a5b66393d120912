/**
 * The lower half: transport, the list of objects, and the timeline beside it.
 *
 * @import { CommandContext } from "./toolbar.js"
 */

import { goToFrame, selectNext } from "./actions.js";
import { element, setText } from "../ui/dom.js";
import { numberField } from "../ui/fields.js";
import { createList } from "../timeline/list.js";
import { fill } from "../texts/texts.js";
import { createTimeline } from "../timeline/timeline.js";
import { createToolbar } from "./toolbar.js";

/**
 * @param {CommandContext & {root: () => HTMLElement}} context
 * @param {() => void} focus give the keys back to the stage
 * @returns {{element: HTMLElement, update: () => void, zoom: (factor: number | undefined) => void}} zoom as in Actions
 */
export function createTimePanel(context, focus) {
  const { session, texts, actions } = context;
  const goTo = (/** @type {number} */ at) => goToFrame(session, at);
  const timeline = createTimeline(session, texts, { goToFrame: goTo, focus });
  const objects = createList(session, texts, { rename: actions.rename, selectNext: (step) => selectNext(session, texts, step) });
  const frame = numberField("", texts.frame, goTo, { min: 0 });
  const last = element("span", {});
  const time = element("span", { class: "fm-seconds" });
  const transport = createToolbar(context, texts.timeline, [
    "stepBack", "play", "stepForward", "loop", "|", "addKey", "|", frame.element, element("span", { class: "fm-length" }, last, time), "<>",
    "timeOut", "timeFit", "timeIn",
  ], ["play", "addKey", "stepForward", "stepBack", "loop", "timeOut timeFit timeIn"]);
  const corner = createToolbar(context, texts.objects, ["newBox"]);
  corner.element.prepend(element("span", { class: "fm-caption" }, texts.objects), element("span", { class: "fm-spring" }));
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
