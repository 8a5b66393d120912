/**
 * What lies under the pointer on the stage. Pure.
 *
 * @import { Tool } from "../edit/session.js"
 * @import { Keyframe } from "../model/types.js"
 * @import { Handle, Point, View } from "../model/geometry.js"
 * @import { Shown } from "./scene.js"
 *
 * @typedef {object} Sight what is on the stage, and where the pointer is
 * @property {View} view
 * @property {readonly Shown[]} shown in drawing order
 * @property {readonly string[]} selected ids
 * @property {readonly string[]} locked ids, which the pointer cannot reach
 * @property {Tool} tool
 * @property {number} frame the one shown
 * @property {number} frames length of the clip
 * @property {Point} point canvas pixels
 * @property {number} reach of the pointer, see `reachOf`
 * @property {boolean} keysFirst whether keyframes also win inside the selected box
 * @property {boolean} [keyHere] whether the keyframe of the frame shown answers too: for a menu, not for a drag, which would move the box
 *
 * @typedef {{kind: "handle", id: string, handle: Handle}} HandleTarget
 * @typedef {{kind: "key", id: string, frame: number}} KeyTarget a diamond
 * @typedef {{kind: "box", id: string, name: string, under: readonly string[]}} BoxTarget `under`: all boxes there, as drawn
 * @typedef {{kind: "path", id: string, frame: number}} PathTarget a point of a path, and when the object is there
 * @typedef {{kind: "nothing", id: undefined}} NoTarget
 * @typedef {HandleTarget | KeyTarget | BoxTarget | PathTarget | NoTarget} Target
 */

import { awayFrom, contains, handleAt, hits, rectOf, toCanvas } from "../model/geometry.js";
import { centresOf, nameOf } from "./scene.js";

/**
 * The handles of the selected box come first, then the box itself: a user who grabs a box anywhere wants the box, whatever
 * diamonds of other frames lie there. Outside it (or with `keysFirst`, inside too) its diamonds come before other boxes, and paths come
 * last.
 * @param {Sight} sight
 * @returns {Target}
 */
export function targetAt({ view, shown, selected, locked, tool, frame, frames, point, reach, keysFirst, keyHere }) {
  const free = shown.filter(({ id }) => !locked.includes(id));
  const chosen = free.filter(({ id }) => selected.includes(id));
  if (chosen.length === 1 && tool === "draw") {
    const [{ id, box, object }] = chosen;
    const rect = rectOf(view, box);
    const handle = handleAt(rect, point, reach);
    if (handle) return { kind: "handle", id, handle };
    const key = !keysFirst && contains(rect, point, reach) ? undefined : keyAt(view, object.keyframes, point, reach, frame, keyHere);
    if (key) return { kind: "key", id, frame: key.frame };
  }
  const under = hits(view, free, point, reach, selected);
  if (under.length === 0) {
    const path = tool === "draw" ? pathAt(view, [...chosen, ...free], point, reach, frame, frames) : undefined;
    return path ? { kind: "path", ...path } : { kind: "nothing", id: undefined };
  }
  // In drawing order, so that Alt+click visits each in turn.
  const all = hits(view, free, point, reach).map(({ id }) => id);
  return { kind: "box", id: under[0].id, name: nameOf(under[0].object), under: all };
}

/**
 * The keyframe nearest to a point, of another frame or (`here`) of any; where several lie, the one nearest in time.
 * @param {View} view
 * @param {readonly Keyframe[]} keys
 * @param {Point} point
 * @param {number} reach
 * @param {number} frame the one shown
 * @param {boolean} [here]
 * @returns {Keyframe | undefined}
 */
function keyAt(view, keys, point, reach, frame, here) {
  if (keys.length < 2) return undefined;
  const away = keys.map((key) => {
    const at = toCanvas(view, key);
    return { key, pixels: Math.hypot(at.x - point.x, at.y - point.y), frames: Math.abs(key.frame - frame) };
  });
  const near = away.filter(({ key, pixels }) => (here || key.frame !== frame) && pixels <= reach);
  return near.sort((a, b) => a.pixels - b.pixels || a.frames - b.frames)[0]?.key;
}

/**
 * The path near a point, and the frame whose centre is nearest; where the object is there on several frames, the one nearest in time.
 * @param {View} view
 * @param {readonly Shown[]} shown those that answer first come first
 * @param {Point} point
 * @param {number} reach
 * @param {number} frame the one shown
 * @param {number} frames length of the clip
 * @returns {{id: string, frame: number} | undefined}
 */
function pathAt(view, shown, point, reach, frame, frames) {
  const near = Math.max(reach * 0.75, 6);
  for (const { id, object } of shown) {
    const [first, last] = [object.keyframes[0].frame, object.keyframes[object.keyframes.length - 1].frame];
    const centres = centresOf(object, frames);
    /** @param {number} f */
    const at = (f) => toCanvas(view, { x: centres[2 * f], y: centres[2 * f + 1] });
    const touched = range(first, last - 1).some((f) => awayFrom(at(f), at(f + 1), point) <= near);
    if (!touched) continue;
    const away = range(first, last).map((f) => ({ f, pixels: Math.hypot(at(f).x - point.x, at(f).y - point.y) }));
    const [nearest] = away.sort((a, b) => a.pixels - b.pixels || Math.abs(a.f - frame) - Math.abs(b.f - frame));
    return { id, frame: nearest.f };
  }
  return undefined;
}

/** @param {number} first @param {number} last */
function range(first, last) {
  return Array.from({ length: Math.max(last - first + 1, 0) }, (_, step) => first + step);
}
