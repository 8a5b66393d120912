/**
 * The fields of what is selected: an object's name, colour, box, speed and path; or, with nothing selected, the clip's.
 *
 * @import { Ease, KeyRef } from "../model/types.js"
 */

import { createClipFields } from "./clip_fields.js";
import { openCurve } from "./curve.js";
import { element, iconButton, setAttribute, setHidden, setValue } from "../ui/dom.js";
import { asBezier } from "../model/easing.js";
import { clampBox } from "../edit/edit.js";
import { choiceField, numberField } from "../ui/fields.js";
import { MAX_CENTRE, MAX_EXTENT, MIN_CENTRE } from "../model/limits.js";
import { rangeRule } from "../ui/rules.js";
import { recolourObject, renameObject, setBox, setEase, setPath } from "../edit/operations.js";
import { idleReason } from "../edit/speed.js";
import { boxAt, segmentAt } from "../model/sample.js";
import { colorOf } from "../stage/scene.js";
import { createPaceButton } from "./pace_button.js";
import { caption, commandButton } from "./toolbar.js";
import { isHiddenHere } from "./actions.js";

/** @type {Readonly<Record<import("../edit/speed.js").IdleReason, keyof import("../texts/texts.js").Texts>>} */
const REASONS = { single: "idleSingle", before: "idleBefore", last: "idleLast", still: "idleStill" };

/**
 * The keyframes whose segment an ease is about: the selected ones, or else those at or before the frame shown.
 * @param {import("../edit/session.js").Session} session
 * @returns {KeyRef[]}
 */
function easedKeys({ state, shown }) {
  if (state.keys.length) return [...state.keys];
  return shown.objects
    .filter(({ id }) => state.ids.includes(id))
    .map(({ id, keyframes }) => ({ id, frame: keyframes[Math.max(segmentAt(keyframes, state.frame), 0)].frame }));
}

/**
 * @param {Parameters<typeof createClipFields>[0]} context
 * @returns {{element: HTMLElement, name: HTMLInputElement, update: () => void}}
 */
export function createInspector(context) {
  const { session, texts, root } = context;
  const color = element("input", { type: "color", class: "fm-color", "aria-label": texts.color, title: texts.color });
  const name = element("input", { type: "text", class: "fm-text", maxlength: 120, "aria-label": texts.name, title: texts.name });
  /** @param {number} value @param {"x" | "y" | "w" | "h"} side */
  const setSide = (value, side) => {
    const { ids, frame, document } = session.state;
    const share = value / document.size[side === "x" || side === "w" ? 0 : 1];
    session.edit(side === "x" || side === "y" ? texts.stepMove : texts.stepResize, (before) =>
      before.objects.filter(({ id }) => ids.includes(id)).reduce(
        (result, object) => setBox(result, { id: object.id, frame, box: clampBox({ ...boxAt(object, frame), [side]: share }) }), before));
  };
  /** @param {0 | 1} axis */
  const centres = (axis) => rangeRule(texts, () => ({ low: MIN_CENTRE * session.shown.size[axis], high: MAX_CENTRE * session.shown.size[axis] }));
  /** @param {0 | 1} axis */
  const sides = (axis) => rangeRule(texts, () => ({ low: 1, high: MAX_EXTENT * session.shown.size[axis] }));
  const x = numberField(texts.x, texts.xLong, (value) => setSide(value, "x"), {}, centres(0));
  const y = numberField(texts.y, texts.yLong, (value) => setSide(value, "y"), {}, centres(1));
  const w = numberField(texts.w, texts.wLong, (value) => setSide(value, "w"), { min: 1 }, sides(0));
  const h = numberField(texts.h, texts.hLong, (value) => setSide(value, "h"), { min: 1 }, sides(1));
  const ease = choiceField(texts.ease, [
    ["linear", texts.easeLinear], ["in-out", texts.easeInOut], ["in", texts.easeIn], ["out", texts.easeOut],
    ["hold", texts.easeHold], ["custom", texts.easeCustom],
  ], (value) => (value === "custom" ? editCurve() : putEase(/** @type {Ease} */ (value))));
  const curve = iconButton("smooth", texts.curve, editCurve, { "aria-haspopup": "dialog" });
  const path = iconButton("motion", texts.pathSmooth, () => {
    const smooth = path.getAttribute("aria-pressed") !== "true";
    session.edit(texts.stepPath, (document) => setPath(document, { ids: session.state.ids, path: smooth ? "smooth" : "linear" }));
  });
  path.append(caption(texts.shortSmooth));
  const pace = createPaceButton(context);
  const buttons = ["hide", "duplicate", "remove"].map((id) => commandButton(context, id));
  // The clip's fields take the place of the box's, until something else is selected.
  const showClip = iconButton("clip", texts.showClip, () => {
    clipOf = clipOf ? undefined : session.state.ids;
    update();
  });
  showClip.append(caption(texts.clip));
  /** @type {readonly string[] | undefined} */
  let clipOf;
  const objectFields = element("div", { class: "fm-fields", role: "group", "aria-label": texts.objects },
    color, name, path, pace.button, ...buttons.map(({ button }) => button), showClip);
  const boxFields = element("div", { class: "fm-fields", role: "group", "aria-label": texts.boxFields },
    x.element, y.element, w.element, h.element, ease, curve);
  const clip = createClipFields(context);
  const rows = element("div", { class: "fm-rows" }, objectFields, boxFields);
  const box = element("div", { class: "fm-inspector" }, rows, clip.element);

  /** @param {Ease} value */
  function putEase(value) {
    session.edit(texts.stepEase, (document) => setEase(document, { selection: easedKeys(session), ease: value }));
  }

  function editCurve() {
    const [ref] = easedKeys(session);
    const key = session.shown.objects.find(({ id }) => id === ref?.id)?.keyframes.find(({ frame }) => frame === ref.frame);
    if (!key) return;
    openCurve(root(), curve.getBoundingClientRect(), texts, asBezier(key.ease) ?? [0.25, 0.25, 0.75, 0.75], putEase);
  }

  color.addEventListener("change", () => {
    session.edit(texts.stepColor, (document) =>
      session.state.ids.reduce((before, id) => recolourObject(before, { id, color: color.value }), document));
  });
  name.addEventListener("change", () => {
    session.edit(texts.stepRename, (document) => renameObject(document, { id: session.state.ids[0], label: name.value }));
  });
  name.addEventListener("keydown", (event) => {
    if (event.key === "Enter") name.blur();
  });

  function update() {
    const { state, shown } = session;
    const index = shown.objects.findIndex(({ id }) => id === state.ids[0]);
    if (clipOf !== state.ids) clipOf = undefined;
    const place = clipOf ? rows : box;
    if (clip.element.parentElement !== place) place.append(clip.element);
    setHidden(rows, index < 0);
    setHidden(boxFields, clipOf !== undefined);
    setHidden(clip.element, index >= 0 && clipOf === undefined);
    setAttribute(showClip, "aria-pressed", String(clipOf !== undefined));
    for (const button of [...buttons, pace]) button.update();
    clip.update();
    if (index < 0) return;
    const object = shown.objects[index];
    const single = state.ids.length === 1;
    setValue(color, colorOf(object, index));
    if (document.activeElement !== name) setValue(name, object.label);
    name.disabled = !single;
    const now = boxAt(object, state.frame);
    x.show(single ? now.x * shown.size[0] : undefined);
    y.show(single ? now.y * shown.size[1] : undefined);
    w.show(now.w * shown.size[0]);
    h.show(now.h * shown.size[1]);
    updateSpeed();
    setAttribute(path, "aria-pressed", String(object.path === "smooth"));
    setAttribute(buttons[0].button, "aria-pressed", String(isHiddenHere(session)));
  }

  function updateSpeed() {
    const refs = easedKeys(session);
    const objects = refs.map(({ id }) => session.shown.objects.find((object) => object.id === id));
    const key = objects[0]?.keyframes.find(({ frame }) => frame === refs[0].frame);
    setValue(ease, typeof key?.ease === "string" ? key.ease : "custom");
    const at = session.state.keys.length ? undefined : session.state.frame;
    const reasons = refs.map(({ frame }, index) => objects[index] && idleReason(objects[index], frame, at));
    const idle = reasons.every((reason) => reason !== undefined) ? reasons[0] : undefined;
    for (const [control, label] of /** @type {const} */ ([[ease, texts.ease], [curve, texts.curve]])) {
      control.disabled = idle !== undefined;
      setAttribute(control, "title", idle ? texts[REASONS[idle]] : label);
    }
  }

  return { element: box, name, update };
}
