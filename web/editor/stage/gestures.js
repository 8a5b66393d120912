/**
 * What a drag on the stage does: one object per gesture, with `move`, `end` and `cancel`. Until it ends,
 * everything is a draft, so a gesture is one step of the history, or none.
 *
 * @import { Box } from "../model/types.js"
 * @import { Session } from "../edit/session.js"
 * @import { Stage } from "./view.js"
 * @import { Handle, Point } from "../model/geometry.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {{readonly shiftKey: boolean, readonly altKey: boolean, readonly ctrlKey: boolean, readonly metaKey: boolean}} Modifiers
 *
 * @typedef {object} Gesture
 * @property {(to: Point, keys: Modifiers) => void} move canvas pixels
 * @property {() => void} end
 * @property {() => void} cancel
 *
 * @typedef {{stage: Stage, session: Session, texts: Texts}} Context
 */

import { clampBox } from "../edit/edit.js";
import { boxAround, boxBetween, overlaps, rectOf, resizeBox, toPicture } from "../model/geometry.js";
import { nextName } from "../edit/names.js";
import { addObject, moveObjects, setBox } from "../edit/operations.js";
import { boxAt } from "../model/sample.js";
import { nameOf, shownObjects } from "./scene.js";
import { snapLines, snapMove, snapResize } from "../model/snap.js";
import { fill } from "../texts/texts.js";

const SNAP_PIXELS = 6;
/** How far the pointer may move in a click. */
const STILL_PIXELS = 3;

/**
 * Draw a new box from corner to corner.
 * @param {Context} context
 * @param {Point} from canvas pixels
 * @param {readonly string[]} [clicked] ids that a click selects
 * @returns {Gesture}
 */
export function drawGesture(context, from, clicked = []) {
  const { stage, session, texts } = context;
  const a = toPicture(stage.view, from);
  const frame = session.state.frame;
  let drawn = false;
  return {
    move(to, keys) {
      if (!drawn && !isFar(from, to)) return;
      drawn = true;
      const b = toPicture(stage.view, to);
      /** @type {Handle} */
      const corner = `${b.y < a.y ? "n" : "s"}${b.x < a.x ? "w" : "e"}`;
      const { box, guides } = snapping(context, keys, boxBetween(a, b), [], (raw, lines, by) => snapResize(raw, corner, lines, by));
      session.draft((document) => addObject(document, {
        box: clampBox(box), frame, label: nextName(document.objects, (place) => fill(texts.objectName, place)),
      }));
      stage.mark({ guides, readout: { at: to, text: sizeText(session, box) } });
    },
    end() {
      stage.mark({});
      const id = session.shown.objects.at(-1)?.id;
      if (!drawn) session.set({ ids: clicked, keys: [] });
      else if (id) session.keep(texts.stepDraw, { ids: [id], keys: [], tool: "draw", message: fill(texts.saidDrawn, frame) });
    },
    cancel: () => cancelled(context),
  };
}

/**
 * Move the boxes of objects at the frame shown.
 * @param {Context} context
 * @param {Point} from canvas pixels
 * @param {readonly string[]} ids
 * @param {() => void} onClick when it was no drag
 * @returns {Gesture}
 */
export function moveGesture(context, from, ids, onClick) {
  const { stage, session, texts } = context;
  const { frame } = session.state;
  const around = boxAround(stage.shown().filter(({ id }) => ids.includes(id)).map(({ box }) => box));
  const made = newKeyframes(session, ids);
  let moved = false;
  return {
    move(to, keys) {
      if (!moved && !isFar(from, to)) return;
      moved = true;
      const by = between(stage, from, keys.shiftKey ? straight(from, to) : to);
      const target = { ...around, x: around.x + by.x, y: around.y + by.y };
      const { box, guides } = snapping(context, keys, target, ids, snapMove);
      session.draft((document) => moveObjects(document, { ids, frame, dx: box.x - around.x, dy: box.y - around.y }));
      stage.mark({ guides, readout: { at: to, text: placeText(session, box) } });
    },
    end() {
      stage.mark({});
      if (moved) session.keep(texts.stepMove, { message: made ? fill(texts.saidKey, frame) : "" });
      else onClick();
    },
    cancel: () => cancelled(context),
  };
}

/**
 * Drag a handle of one box. Shift keeps its shape, Ctrl its centre.
 * @param {Context} context
 * @param {Point} from canvas pixels
 * @param {string} id
 * @param {Handle} handle
 * @returns {Gesture}
 */
export function resizeGesture(context, from, id, handle) {
  const { stage, session, texts } = context;
  const { frame } = session.state;
  const start = /** @type {Box} */ (stage.shown().find((item) => item.id === id)?.box);
  return {
    move(to, keys) {
      const free = { ratio: keys.shiftKey, centre: keys.ctrlKey || keys.metaKey };
      const target = resizeBox(start, handle, between(stage, from, to), free);
      const { box, guides } =
        free.ratio || free.centre
          ? { box: target, guides: [] }
          : snapping(context, keys, target, [id], (raw, lines, by) => snapResize(raw, handle, lines, by));
      session.draft((document) => setBox(document, { id, frame, box: clampBox(box) }));
      stage.mark({ guides, readout: { at: to, text: sizeText(session, box) } });
    },
    end() {
      stage.mark({});
      session.keep(texts.stepResize);
    },
    cancel: () => cancelled(context),
  };
}

/**
 * Drag a keyframe where the path shows it, whatever frame is shown; a click goes to its frame.
 * @param {Context} context
 * @param {Point} from canvas pixels
 * @param {string} id
 * @param {number} frame of the keyframe
 * @returns {Gesture}
 */
export function keyGesture(context, from, id, frame) {
  const { stage, session, texts } = context;
  const object = session.state.document.objects.find((item) => item.id === id);
  let moved = false;
  return {
    move(to) {
      if (!object || (!moved && !isFar(from, to))) return;
      moved = true;
      const by = between(stage, from, to);
      const start = boxAt(object, frame);
      session.draft((document) => setBox(document, { id, frame, box: clampBox({ ...start, x: start.x + by.x, y: start.y + by.y }) }));
      stage.mark({ readout: { at: to, text: fill(texts.frameShort, frame) } });
    },
    end() {
      stage.mark({});
      if (moved) session.keep(texts.stepMove, { keys: [{ id, frame }] });
      else session.set({ frame, keys: [{ id, frame }] });
    },
    cancel: () => cancelled(context),
  };
}

/**
 * Select what a rectangle touches.
 * @param {Context} context
 * @param {Point} from canvas pixels
 * @param {readonly string[]} kept ids that stay selected
 * @returns {Gesture}
 */
export function marqueeGesture({ stage, session, texts }, from, kept) {
  const before = session.state.ids;
  return {
    move(to) {
      const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
      const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
      const marquee = { left, top, right, bottom };
      const { document, frame, unseen, locked } = session.state;
      const found = shownObjects(document, frame, before, unseen)
        .filter(({ id, box }) => !locked.includes(id) && overlaps(rectOf(stage.view, box), marquee))
        .map(({ id }) => id);
      session.set({ ids: [...kept, ...found.filter((id) => !kept.includes(id))], keys: [] });
      stage.mark({ marquee });
    },
    end() {
      stage.mark({});
      const names = session.state.document.objects.filter(({ id }) => session.state.ids.includes(id)).map(nameOf);
      session.set({ tool: "draw", message: fill(texts.saidSelected, names.join(", ")) });
    },
    cancel() {
      stage.mark({});
      session.set({ ids: before });
    },
  };
}

/** @param {Context} context */
function cancelled({ stage, session }) {
  stage.mark({});
  session.cancel();
}

/**
 * @template T
 * @param {Context} context
 * @param {Modifiers} keys
 * @param {Box} box
 * @param {readonly string[]} ids not to snap to
 * @param {(box: Box, lines: import("../model/snap.js").Lines, tolerance: import("../model/snap.js").Tolerance) => T} snap
 */
function snapping({ stage, session }, keys, box, ids, snap) {
  if (!session.state.snap || keys.altKey) return { box, guides: [] };
  const { document, frame, unseen } = session.state;
  const others = shownObjects(document, frame, [], unseen).filter(({ id }) => !ids.includes(id)).map((item) => item.box);
  return snap(box, snapLines(others), { x: SNAP_PIXELS / stage.view.width, y: SNAP_PIXELS / stage.view.height });
}

/** @param {Point} a @param {Point} b */
export function isFar(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y) > STILL_PIXELS;
}

/** @param {Stage} stage @param {Point} from @param {Point} to */
function between({ view }, from, to) {
  return { x: (to.x - from.x) / view.width, y: (to.y - from.y) / view.height };
}

/** @param {Point} from @param {Point} to */
function straight(from, to) {
  return Math.abs(to.x - from.x) > Math.abs(to.y - from.y) ? { x: to.x, y: from.y } : { x: from.x, y: to.y };
}

/** @param {Session} session @param {readonly string[]} ids */
function newKeyframes({ state }, ids) {
  const objects = state.document.objects.filter(({ id }) => ids.includes(id));
  return objects.some(({ keyframes }) => !keyframes.some(({ frame }) => frame === state.frame));
}

/** @param {Session} session @param {Box} box */
function sizeText({ shown }, { w, h }) {
  return `${Math.round(w * shown.size[0])} x ${Math.round(h * shown.size[1])}`;
}

/** @param {Session} session @param {Box} box */
function placeText({ shown }, { x, y }) {
  return `${Math.round(x * shown.size[0])}, ${Math.round(y * shown.size[1])}`;
}
