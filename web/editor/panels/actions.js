/**
 * Steps that several commands and views share. No DOM.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { movePaths, moveObjects, removeKeyframes, removeObjects, reorderObject, resize, toggleHidden } from "../edit/operations.js";
import { boxAt, isHidden } from "../model/sample.js";
import { nameOf } from "../stage/scene.js";
import { fill } from "../texts/texts.js";

/**
 * Show a frame; stops playing.
 * @param {Session} session
 * @param {number} frame is kept in the clip
 */
export function goToFrame(session, frame) {
  const last = session.shown.frames - 1;
  session.set({ frame: Math.min(Math.max(frame, 0), last), playing: false });
}

/**
 * To the nearest keyframe before or after the frame shown, of the selected objects, or of all.
 * @param {Session} session
 * @param {1 | -1} direction
 */
export function goToKey(session, direction) {
  const { document, ids, frame } = session.state;
  const frames = document.objects
    .filter(({ id }) => ids.length === 0 || ids.includes(id))
    .flatMap(({ keyframes }) => keyframes.map((key) => key.frame))
    .filter((at) => (at - frame) * direction > 0);
  if (frames.length) goToFrame(session, direction > 0 ? Math.min(...frames) : Math.max(...frames));
}

/**
 * Delete the selected keyframes, or else the selected objects. An object whose keyframes are all selected is deleted whole.
 * @param {Session} session
 * @param {Texts} texts
 */
export function removeSelected(session, texts) {
  const { keys, ids, document } = session.state;
  if (keys.length === 0) {
    if (ids.length) session.edit(texts.stepRemove, (before) => removeObjects(before, { ids }), { ids: [] });
    return;
  }
  const whole = document.objects
    .filter(({ id, keyframes }) => keyframes.every(({ frame }) => keys.some((key) => key.id === id && key.frame === frame)))
    .map(({ id }) => id);
  const selection = keys.filter(({ id }) => !whole.includes(id));
  session.edit(texts.stepRemove, (before) => {
    const without = selection.length ? removeKeyframes(before, { selection }) : before;
    return whole.length ? removeObjects(without, { ids: whole }) : without;
  }, { keys: [] });
}

/** @param {Session} session @returns {boolean} whether the first selected object is hidden at the frame shown */
export function isHiddenHere({ state, shown }) {
  const object = shown.objects.find(({ id }) => id === state.ids[0]);
  return object !== undefined && isHidden(object, state.frame);
}

/**
 * Hide the selected objects from the frame shown until their next keyframe (or the end), or show them there.
 * @param {Session} session
 * @param {Texts} texts
 * @param {boolean} hidden
 */
export function hideFromHere(session, texts, hidden) {
  const { ids, frame } = session.state;
  session.edit(texts.stepHidden, (document) =>
    ids.reduce((before, id) => {
      const object = before.objects.find((item) => item.id === id);
      const next = object?.keyframes.find((key) => key.frame > frame)?.frame ?? before.frames;
      return toggleHidden(before, { id, first: frame, last: next - 1, hidden });
    }, document),
  );
}

/**
 * Select the next object in the list.
 * @param {Session} session
 * @param {Texts} texts
 * @param {1 | -1} step
 */
export function selectNext(session, texts, step) {
  const { document, ids } = session.state;
  const count = document.objects.length;
  if (!count) return;
  const index = document.objects.findIndex(({ id }) => id === ids.at(-1));
  const object = document.objects[index < 0 ? (step > 0 ? 0 : count - 1) : (index + step + count) % count];
  session.set({ ids: [object.id], keys: [], message: fill(texts.saidSelected, nameOf(object)) });
}

/**
 * Move the selected object one place in the list.
 * @param {Session} session
 * @param {Texts} texts
 * @param {1 | -1} step
 */
export function moveInList(session, texts, step) {
  const { document, ids } = session.state;
  const index = document.objects.findIndex(({ id }) => id === ids[0]);
  const target = index + step;
  if (index < 0 || target < 0 || target >= document.objects.length) return;
  session.edit(texts.stepOrder, (before) => reorderObject(before, { from: index, to: target }));
}

/**
 * Move the selected boxes at the frame shown, or with `whole` their entire paths, by pixels of the clip.
 * @param {Session} session
 * @param {Texts} texts
 * @param {number} dx
 * @param {number} dy
 * @param {boolean} whole
 */
export function nudge(session, texts, dx, dy, whole) {
  const { ids, locked, frame, document } = session.state;
  const free = ids.filter((id) => !locked.includes(id));
  if (!free.length) return;
  const by = { dx: dx / document.size[0], dy: dy / document.size[1] };
  session.edit(texts.stepMove, (before) => (whole ? movePaths(before, { ids: free, ...by }) : moveObjects(before, { ids: free, frame, ...by })));
}

/**
 * Make the selected boxes wider or taller at the frame shown, by pixels of the clip, about their centres.
 * @param {Session} session
 * @param {Texts} texts
 * @param {number} dw
 * @param {number} dh
 */
export function grow(session, texts, dw, dh) {
  const { ids, locked, frame, document } = session.state;
  const [width, height] = document.size;
  session.edit(texts.stepResize, (before) =>
    before.objects.filter(({ id }) => ids.includes(id) && !locked.includes(id)).reduce((result, object) => {
      const box = boxAt(object, frame);
      const scaleX = Math.max(box.w * width + dw, 1) / (box.w * width);
      const scaleY = Math.max(box.h * height + dh, 1) / (box.h * height);
      return resize(result, { ids: [object.id], frame, scaleX, scaleY, about: { x: box.x, y: box.y } });
    }, before),
  );
}

/**
 * Mark objects in the editor only, or unmark them when all of them are marked.
 * @param {Session} session
 * @param {"unseen" | "locked"} flag
 * @param {readonly string[]} ids
 */
export function setFlag(session, flag, ids) {
  const others = session.state[flag].filter((id) => !ids.includes(id));
  const all = ids.every((id) => session.state[flag].includes(id));
  session.set({ [flag]: all ? others : [...others, ...ids] });
}
