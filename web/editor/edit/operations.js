/**
 * Operations on objects. Every operation here and in the other operations_*.js is a pure function (document, arguments)
 * -> document: it shares what did not change, returns the same document when nothing did, and throws a RangeError
 * of one sentence when the request is impossible. The result is always a valid document.
 *
 * @import { Box, Document, DocumentObject, Interval, Path } from "../model/types.js"
 */

import { choice, fail, text, whole } from "../model/checks.js";
import { changeObjects, checkBox, checkFrame, objectOf, withObjects } from "./edit.js";
import { mergeIntervals, withoutInterval } from "../model/intervals.js";
import { MAX_KEYFRAMES, MAX_LABEL, PATHS } from "../model/limits.js";
import { freeId, freeLabel, newId, nextName } from "./names.js";
import { newColor } from "../model/palette.js";
import { parseColor } from "../model/parts.js";

export * from "./operations_boxes.js";
export * from "./operations_clip.js";
export * from "./operations_keys.js";
export { applyCamera } from "./camera.js";

/**
 * A new object at the end of the list, with one keyframe. Its id is `document.objects.at(-1).id` of the result.
 * @param {Document} document
 * @param {{box: Box, frame: number, label?: string, color?: string}} args
 * @returns {Document}
 */
export function addObject(document, { box, frame, label, color }) {
  /** @type {DocumentObject} */
  const object = {
    id: newId(document.objects),
    label: text(label ?? nextName(document.objects, (place) => `object ${place}`), "label", 0, MAX_LABEL, "shown in the editor"),
    color: color === undefined ? newColor(document.objects) : parseColor(color, "color"),
    path: "linear",
    hidden: [],
    keyframes: [{ frame: checkFrame(document, frame), ...checkBox(box), ease: "linear" }],
  };
  return withObjects(document, [...document.objects, object]);
}

/**
 * @param {Document} document
 * @param {{ids: readonly string[]}} args
 * @returns {Document}
 */
export function removeObjects(document, { ids }) {
  for (const id of ids) objectOf(document, id);
  return ids.length ? { ...document, objects: document.objects.filter(({ id }) => !ids.includes(id)) } : document;
}

/**
 * Copies at the end of the list, in the order of their originals (so the control map's colours of the others stay),
 * with ids, colours and labels of their own. They cover their originals; move them with `movePaths`.
 * @param {Document} document
 * @param {{ids: readonly string[]}} args
 * @returns {Document}
 */
export function duplicateObjects(document, { ids }) {
  for (const id of ids) objectOf(document, id);
  const objects = [...document.objects];
  for (const original of document.objects.filter(({ id }) => ids.includes(id))) {
    objects.push({
      ...original,
      id: newId(objects),
      label: freeLabel(objects, original.label),
      color: newColor(objects),
    });
  }
  return ids.length ? withObjects(document, objects) : document;
}

/**
 * Append objects from elsewhere (another document, the clipboard, a detector). An id or a name that is taken gets a
 * number, and an object without a colour gets one. Their frames must lie in the clip: use `setFrames` on the source first.
 * @param {Document} document
 * @param {{objects: readonly DocumentObject[]}} args
 * @returns {Document}
 */
export function mergeObjects(document, { objects }) {
  const all = [...document.objects];
  for (const object of objects) {
    checkFrame(document, object.keyframes[object.keyframes.length - 1].frame, "last keyframe");
    if (object.hidden.length) checkFrame(document, object.hidden[object.hidden.length - 1][1], "last hidden frame");
    all.push({
      ...object,
      id: freeId(all, object.id),
      label: freeLabel(all, object.label),
      color: object.color ?? newColor(all),
    });
  }
  return objects.length ? withObjects(document, all) : document;
}

/**
 * @param {Document} document
 * @param {{id: string, label: string}} args at most 120 characters
 * @returns {Document}
 */
export function renameObject(document, { id, label }) {
  const clean = text(label, "label", 0, MAX_LABEL, "shown in the editor");
  return changeObjects(document, [id], (object) => (object.label === clean ? object : { ...object, label: clean }));
}

/**
 * @param {Document} document
 * @param {{id: string, color: string}} args "#rrggbb"
 * @returns {Document}
 */
export function recolourObject(document, { id, color }) {
  const clean = parseColor(color, "color");
  return changeObjects(document, [id], (object) => (object.color === clean ? object : { ...object, color: clean }));
}

/**
 * Move an object to another place in the list: later objects cover earlier ones, and the control map's colour depends on
 * the place.
 * @param {Document} document
 * @param {{from: number, to: number}} args places, 0-based; `to` is the object's place afterwards
 * @returns {Document}
 */
export function reorderObject(document, { from, to }) {
  const last = document.objects.length - 1;
  const source = whole(from, "from", 0, last, "place of an object");
  const target = whole(to, "to", 0, last, "place of an object");
  if (source === target) return document;
  const objects = document.objects.filter((_, index) => index !== source);
  objects.splice(target, 0, document.objects[source]);
  return { ...document, objects };
}

/**
 * @param {Document} document
 * @param {{ids: readonly string[], path: Path}} args
 * @returns {Document}
 */
export function setPath(document, { ids, path }) {
  const clean = choice(path, "path", PATHS);
  return changeObjects(document, ids, (object) => (object.path === clean ? object : { ...object, path: clean }));
}

/**
 * Hide an object on the frames first..last (both included), or show it there.
 * @param {Document} document
 * @param {{id: string, first: number, last: number, hidden: boolean}} args
 * @returns {Document}
 */
export function toggleHidden(document, { id, first, last, hidden }) {
  checkFrame(document, first, "first");
  checkFrame(document, last, "last");
  if (last < first) fail("last", last, `give a frame not before the interval's first, ${first}`);
  return changeObjects(document, [id], (object) => {
    const intervals = hidden
      ? mergeIntervals([...object.hidden, [first, last]])
      : withoutInterval(object.hidden, first, last);
    if (intervals.length > MAX_KEYFRAMES) {
      fail("hidden", intervals, `keep at most ${MAX_KEYFRAMES} intervals, join some of them`);
    }
    return sameIntervals(intervals, object.hidden) ? object : { ...object, hidden: intervals };
  });
}

/**
 * @param {readonly Interval[]} a
 * @param {readonly Interval[]} b
 */
function sameIntervals(a, b) {
  return a.length === b.length && a.every(([first, last], i) => first === b[i][0] && last === b[i][1]);
}
