/**
 * Pointer, touch, pen and wheel on the stage: chooses a gesture and feeds it.
 *
 * @import { Context, Gesture } from "./gestures.js"
 * @import { Point } from "../model/geometry.js"
 * @import { Target } from "./targets.js"
 * @import { ThingFinder } from "./things.js"
 *
 * @typedef {object} StageHost what lies around the stage
 * @property {() => boolean} pansGraph whether drags pan it
 * @property {(event: PointerEvent) => void} forwardPointer
 * @property {(event: WheelEvent) => void} forwardWheel
 * @property {() => boolean} isFocused whether the editor has the focus
 */

import { contains, toPicture, zoomView } from "../model/geometry.js";
import { drawGesture, keyGesture, marqueeGesture, moveGesture, resizeGesture } from "./gestures.js";
import { brushGesture, thingGesture } from "./mask_gestures.js";
import { penGesture } from "./pen_gesture.js";
import { addPoint } from "./points.js";
import { recordGesture } from "./record_gesture.js";
import { createTaps } from "./taps.js";
import { targetAt } from "./targets.js";
import { fill } from "../texts/texts.js";
import { withoutFling } from "../ui/touch.js";

/** @type {Readonly<Record<string, string>>} */
const CURSORS = { n: "ns-resize", s: "ns-resize", e: "ew-resize", w: "ew-resize", nw: "nwse-resize", se: "nwse-resize", ne: "nesw-resize", sw: "nesw-resize" };

/**
 * Listen on the stage's canvas.
 * @param {Context & {host: StageHost, things: ThingFinder, focus: () => void, openMenu: (event: MouseEvent, target: Target) => void}} context
 * @returns {{cancel: () => boolean}} cancel drops the gesture under way; false when there was none
 */
export function installStageInput(context) {
  const { stage, session, texts, host, focus } = context;
  const { canvas } = stage;
  /** @type {{id: number, gesture: Gesture, from: Point} | undefined} */
  let active;
  const isDouble = createTaps();
  /** Fingers on the stage. @type {Map<number, Point>} */
  const fingers = new Map();

  /** @param {PointerEvent} event */
  function down(event) {
    if (event.button === 1 || host.pansGraph()) {
      host.forwardPointer(event);
      return;
    }
    focus();
    const point = stage.pointOf(event);
    stage.setReach(event.pointerType);
    if (event.pointerType === "touch") fingers.set(event.pointerId, point);
    // So that the drag continues outside. A pointer that is already gone cannot be captured.
    if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
    if (fingers.size === 2) {
      active?.gesture.cancel();
      active = undefined;
      return;
    }
    if (active || event.button !== 0) return;
    if (session.state.playing) session.set({ playing: false });
    active = { id: event.pointerId, gesture: choose(context, point, event), from: point };
  }

  /** @param {PointerEvent} event */
  function move(event) {
    const point = stage.pointOf(event);
    const before = fingers.get(event.pointerId);
    if (before && fingers.size === 2) {
      pinch(event.pointerId, before, point);
      return;
    }
    if (active) {
      if (active.id === event.pointerId) active.gesture.move(point, event);
    } else if (event.pointerType !== "touch" && !session.state.playing) hover(point, event);
  }

  /** @param {PointerEvent} event */
  function up(event) {
    fingers.delete(event.pointerId);
    if (active?.id !== event.pointerId) return;
    const { gesture, from } = active;
    active = undefined;
    if (event.type === "pointercancel") {
      gesture.cancel();
      return;
    }
    gesture.end();
    const to = stage.pointOf(event);
    if (!isDouble({ time: event.timeStamp, from, to, reach: stage.reach })) return;
    const target = aimedAt(context, to, event);
    if (target.kind === "path") addPoint(session, texts, target);
  }

  /** @param {number} id @param {Point} before @param {Point} now */
  function pinch(id, before, now) {
    const other = [...fingers].find(([key]) => key !== id)?.[1];
    fingers.set(id, now);
    if (!other) return;
    /** @param {Point} a */
    const away = (a) => Math.max(Math.hypot(a.x - other.x, a.y - other.y), 1);
    const view = zoomView(stage.view, away(now) / away(before), other, stage.fitted);
    stage.setView({ ...view, left: view.left + (now.x - before.x) / 2, top: view.top + (now.y - before.y) / 2 });
  }

  /** @param {Point} point @param {PointerEvent} event */
  function hover(point, event) {
    const target = aimedAt(context, point, event);
    canvas.style.cursor = cursorOf(target.kind === "handle" ? target.handle : target.kind, session.state.tool);
    const at = toPicture(stage.view, point);
    const [width, height] = session.shown.size;
    const inside = contains({ left: 0, top: 0, right: 1, bottom: 1 }, at);
    const place = `${Math.floor(at.x * width)}, ${Math.floor(at.y * height)}`;
    const text = target.kind === "path" ? fill(texts.pathHere, target.frame) : `${fill(texts.frameShort, session.state.frame)}  ${place}`;
    const brush = session.state.tool === "brush" ? { at: point, radius: session.state.brushSize, add: session.state.brushAdds !== event.altKey } : undefined;
    stage.mark(inside ? { readout: { at: point, text }, brush } : { brush });
  }

  /** @param {WheelEvent} event */
  function wheel(event) {
    if (!host.isFocused()) {
      host.forwardWheel(event);
      return;
    }
    event.preventDefault();
    event.stopPropagation();
    const at = stage.pointOf(event);
    if (event.shiftKey) stage.setView({ ...stage.view, left: stage.view.left - event.deltaX - event.deltaY });
    else stage.setView(zoomView(stage.view, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0015)), at, stage.fitted));
  }

  canvas.addEventListener("pointerdown", down);
  withoutFling(canvas);
  // The default would move the focus to the node. (Preventing pointerdown would also suppress mouse events.)
  canvas.addEventListener("mousedown", (event) => event.preventDefault());
  canvas.addEventListener("pointermove", move);
  for (const name of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
    canvas.addEventListener(name, up);
  }
  canvas.addEventListener("pointerleave", () => {
    if (!active) stage.mark({});
  });
  canvas.addEventListener("wheel", wheel, { passive: false });
  canvas.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
    // A right click moves nothing, so diamonds inside the box answer too.
    const target = aimedAt(context, stage.pointOf(event), { pointerType: "mouse", ctrlKey: true, metaKey: false }, true);
    if (target.id !== undefined && !session.state.ids.includes(target.id)) session.set({ ids: [target.id], keys: [] });
    context.openMenu(event, target);
  });
  return {
    cancel() {
      if (!active) return false;
      active.gesture.cancel();
      active = undefined;
      return true;
    },
  };
}

/**
 * @param {Context & {things: ThingFinder}} context
 * @param {Point} point
 * @param {PointerEvent} event
 * @returns {Gesture}
 */
function choose(context, point, event) {
  const { session, texts } = context;
  const { ids, tool } = session.state;
  const extend = event.shiftKey;
  if (tool === "box") return drawGesture(context, point);
  if (tool === "select") return marqueeGesture(context, point, extend ? ids : []);
  if (tool === "thing") return thingGesture(context, point, event);
  const target = aimedAt(context, point, event);
  if (tool === "brush") return brushGesture(context, point, target.id, event);
  if (tool === "pen") return penGesture(context, point, target.id);
  if (tool === "record" && target.id !== undefined) return recordGesture(context, point, target.id);
  if (target.kind === "handle") return resizeGesture(context, point, target.id, target.handle);
  if (target.kind === "key") return keyGesture(context, point, target.id, target.frame);
  if (target.kind === "box") {
    const { id, under: all } = target;
    const alone = ids.length === 1 && ids[0] === id;
    if (extend) session.set({ ids: ids.includes(id) ? ids.filter((other) => other !== id) : [...ids, id], keys: [] });
    else if (!ids.includes(id)) session.set({ ids: [id], keys: [], message: fill(texts.saidSelected, target.name) });
    const moved = session.state.ids.length ? session.state.ids : [id];
    return moveGesture(context, point, moved, () => {
      if (extend) return;
      // Alt+click reaches what lies below.
      const next = event.altKey && alone ? all[(all.indexOf(id) + 1) % all.length] : id;
      session.set({ ids: [next], keys: [] });
    });
  }
  if (extend) return marqueeGesture(context, point, ids);
  return drawGesture(context, point, target.kind === "path" ? [target.id] : []);
}

/**
 * What lies under the pointer. Ctrl (Cmd) reaches diamonds inside the selected box.
 * @param {Context} context
 * @param {Point} point
 * @param {{readonly pointerType: string, readonly ctrlKey: boolean, readonly metaKey: boolean}} event
 * @param {boolean} [keyHere] see `Sight`
 * @returns {Target}
 */
function aimedAt({ stage, session }, point, { pointerType, ctrlKey, metaKey }, keyHere = false) {
  const { ids, locked, tool, frame } = session.state;
  stage.setReach(pointerType);
  const { view, reach } = stage;
  return targetAt({ view, shown: stage.shown(), selected: ids, locked, tool, frame, frames: session.shown.frames, point, reach, keysFirst: ctrlKey || metaKey, keyHere });
}

/** @param {string} kind @param {string} tool */
function cursorOf(kind, tool) {
  if (tool === "brush") return "none";
  if (tool === "box" || tool === "select" || tool === "pen" || tool === "thing") return "crosshair";
  return CURSORS[kind] ?? (kind === "box" ? "move" : kind === "key" ? "pointer" : "crosshair");
}
