/**
 * Pointer, keys and wheel on the timeline: scrub, select, move and copy keyframes, drag the ends of hidden intervals.
 *
 * @import { DocumentObject, Interval, KeyRef } from "../model/types.js"
 * @import { Session } from "../edit/session.js"
 * @import { Timeline } from "./timeline.js"
 * @import { Texts } from "../texts/texts.js"
 * @import { Point } from "../model/geometry.js"
 *
 * @typedef {{timeline: Timeline, session: Session, texts: Texts, actions: TimelineActions}} Context
 * @typedef {{goToFrame: (frame: number) => void, focus: () => void}} TimelineActions focus: give the keys back to the stage
 * @typedef {{move: (to: Point, event: PointerEvent) => void, end: () => void, cancel: () => void}} Drag
 */

import { reachOf } from "../model/geometry.js";
import { hiddenEdgeDrag, keysDrag, marqueeDrag } from "./timeline_drags.js";
import { addKeyframe } from "../edit/operations.js";
import { rowHeight, withoutFling } from "../ui/touch.js";
import { frameAtX, pixelsPerFrame, slideSpan, xOfFrame, zoomSpan } from "../ui/timescale.js";

/** @param {Context} context */
export function installTimelineInput(context) {
  const { timeline, session, texts, actions } = context;
  const { ruler, tracks } = timeline;
  /** @type {Drag | undefined} */
  let active;

  listen(ruler, (event) => {
    const scrub = (/** @type {Point} */ to) => actions.goToFrame(frameAtX(timeline.span, ruler.clientWidth, to.x));
    scrub(pointOf(ruler, event));
    return { move: scrub, end: actions.focus, cancel() {} };
  });
  listen(tracks, (event) => {
    actions.focus();
    return choose(context, pointOf(tracks, event), event);
  });

  /** @param {HTMLCanvasElement} canvas @param {(event: PointerEvent) => Drag} begin */
  function listen(canvas, begin) {
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || active) return;
      if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
      active = begin(event);
    });
    canvas.addEventListener("pointermove", (event) => active?.move(pointOf(canvas, event), event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel", "lostpointercapture"])) {
      canvas.addEventListener(name, () => {
        const drag = active;
        active = undefined;
        if (name === "pointercancel") drag?.cancel();
        else drag?.end();
      });
    }
    withoutFling(canvas);
    canvas.addEventListener("wheel", (event) => {
      if (!(event.ctrlKey || event.shiftKey || event.deltaX)) return;
      event.preventDefault();
      event.stopPropagation();
      const { frames } = session.shown;
      const at = frameAtX(timeline.span, canvas.clientWidth, pointOf(canvas, event).x);
      const slide = (event.deltaX || event.deltaY) / pixelsPerFrame(timeline.span, canvas.clientWidth);
      timeline.setSpan(
        event.ctrlKey ? zoomSpan(timeline.span, Math.exp(-event.deltaY * 0.005), at, frames) : slideSpan(timeline.span, slide, frames),
      );
    }, { passive: false });
  }

  tracks.addEventListener("mousedown", (event) => event.preventDefault());
  tracks.addEventListener("dblclick", (event) => {
    const object = objectAt(session, pointOf(tracks, event));
    const frame = frameAtX(timeline.span, tracks.clientWidth, pointOf(tracks, event).x);
    if (!object || frame < 0 || frame >= session.shown.frames || keyAt(context, object, pointOf(tracks, event), 8)) return;
    session.edit(texts.stepKey, (document) => addKeyframe(document, { ids: [object.id], frame }), { keys: [{ id: object.id, frame }], frame });
  });
  ruler.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageDown: -10, PageUp: 10, Home: -Infinity, End: Infinity }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    actions.goToFrame(session.state.frame + step);
  });
}

/**
 * @param {Context} context
 * @param {Point} point
 * @param {PointerEvent} event
 * @returns {Drag}
 */
function choose(context, point, event) {
  const { timeline, session, actions } = context;
  const object = objectAt(session, point);
  const extend = event.shiftKey;
  if (!object) return marqueeDrag(context, point, extend ? session.state.keys : []);
  const reach = Math.min(reachOf(event.pointerType), 14);
  const frame = keyAt(context, object, point, reach);
  if (frame !== undefined) {
    const key = { id: object.id, frame };
    const already = session.state.keys.some((ref) => sameKey(ref, key));
    if (extend) toggleKey(session, key);
    else if (!already) session.set({ keys: [key], ids: [object.id] });
    return keysDrag(context, point, key, extend);
  }
  const edge = edgeAt(context, object, point, reach / 2);
  if (edge) return hiddenEdgeDrag(context, object, edge);
  return marqueeDrag(context, point, extend ? session.state.keys : [], () => {
    session.set({ ids: [object.id], keys: [] });
    actions.goToFrame(frameAtX(timeline.span, timeline.tracks.clientWidth, point.x));
  });
}

/** @param {Session} session @param {KeyRef} key */
function toggleKey(session, key) {
  const { keys, ids } = session.state;
  const without = keys.filter((ref) => !sameKey(ref, key));
  session.set({
    keys: without.length === keys.length ? [...keys, key] : without,
    ids: ids.includes(key.id) ? ids : [...ids, key.id],
  });
}

/** @param {KeyRef} a @param {KeyRef} b */
function sameKey(a, b) {
  return a.id === b.id && a.frame === b.frame;
}

/** @param {Session} session @param {Point} point */
function objectAt({ shown }, { y }) {
  return shown.objects[Math.floor(y / rowHeight())];
}

/** @param {Context} context @param {DocumentObject} object @param {Point} point @param {number} reach */
function keyAt({ timeline }, object, point, reach) {
  const { span, tracks } = timeline;
  /** @param {{frame: number}} key */
  const away = (key) => Math.abs(xOfFrame(span, tracks.clientWidth, key.frame) - point.x);
  const nearest = [...object.keyframes].sort((a, b) => away(a) - away(b))[0];
  return away(nearest) <= reach ? nearest.frame : undefined;
}

/**
 * The end of a hidden interval under the pointer.
 * @param {Context} context
 * @param {DocumentObject} object
 * @param {Point} point
 * @param {number} reach
 * @returns {{interval: Interval, end: 0 | 1} | undefined}
 */
function edgeAt({ timeline }, object, point, reach) {
  const { span, tracks } = timeline;
  const half = pixelsPerFrame(span, tracks.clientWidth) / 2;
  for (const interval of object.hidden) {
    const [left, right] = [xOfFrame(span, tracks.clientWidth, interval[0]) - half, xOfFrame(span, tracks.clientWidth, interval[1]) + half];
    if (Math.abs(point.x - right) <= reach) return { interval, end: 1 };
    if (Math.abs(point.x - left) <= reach) return { interval, end: 0 };
  }
  return undefined;
}

/** @param {HTMLElement} target @param {MouseEvent} event @returns {Point} */
function pointOf(target, { clientX, clientY }) {
  const rect = target.getBoundingClientRect();
  return {
    x: ((clientX - rect.left) / rect.width) * target.clientWidth,
    y: ((clientY - rect.top) / rect.height) * target.clientHeight,
  };
}
