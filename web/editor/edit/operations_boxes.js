/**
 * Operations on boxes: where an object is at a frame, or at all of them. See operations.js for what holds for all.
 *
 * @import { Box, Document, DocumentObject, Keyframe } from "../model/types.js"
 */

import { choice, fail, number } from "../model/checks.js";
import {
  changeObjects,
  checkBox,
  checkFrame,
  clampBox,
  objectOf,
  putKeyframe,
  sameBox,
  withKeyframes,
} from "./edit.js";
import { mirrored } from "../model/first_shape.js";
import { MAX_CENTRE, MIN_CENTRE } from "../model/limits.js";
import { boxAt, segmentAt } from "../model/sample.js";

/** @typedef {"left" | "centre" | "right" | "top" | "middle" | "bottom"} Edge */

/** @type {readonly Edge[]} */
export const EDGES = ["left", "centre", "right", "top", "middle", "bottom"];

/**
 * Set an object's box at a frame: its keyframe there is changed, or one is added. A new keyframe takes the ease of the
 * one before it ("linear" when it is the first), so a segment that it splits has its ease on both halves.
 * @param {Document} document
 * @param {{id: string, frame: number, box: Box}} args
 * @returns {Document}
 */
export function setBox(document, { id, frame, box }) {
  checkFrame(document, frame);
  const clean = checkBox(box);
  return changeObjects(document, [id], (object) => withBox(object, frame, clean));
}

/**
 * Move the boxes that objects show at a frame, as `setBox`. The step is shortened, for all alike, where a centre would
 * leave -4..5.
 * @param {Document} document
 * @param {{ids: readonly string[], frame: number, dx: number, dy: number}} args fractions of the frame
 * @returns {Document}
 */
export function moveObjects(document, { ids, frame, dx, dy }) {
  checkFrame(document, frame);
  const boxes = new Map(ids.map((id) => [id, clampBox(boxAt(objectOf(document, id), frame))]));
  const step = { x: limitStep([...boxes.values()], "x", dx), y: limitStep([...boxes.values()], "y", dy) };
  if (step.x === 0 && step.y === 0) return document;
  return changeObjects(document, ids, (object) => withBox(object, frame, shifted(boxes.get(object.id), step)));
}

/**
 * Move whole objects, all their keyframes. The step is shortened as in `moveObjects`.
 * @param {Document} document
 * @param {{ids: readonly string[], dx: number, dy: number}} args fractions of the frame
 * @returns {Document}
 */
export function movePaths(document, { ids, dx, dy }) {
  const keys = ids.flatMap((id) => objectOf(document, id).keyframes);
  const step = { x: limitStep(keys, "x", dx), y: limitStep(keys, "y", dy) };
  if (step.x === 0 && step.y === 0) return document;
  return changeObjects(document, ids, (object) => mapKeyframes(object, (key) => ({ ...key, ...shifted(key, step) })));
}

/**
 * Scale the boxes that objects show at a frame about a point, as `setBox`.
 * @param {Document} document
 * @param {{ids: readonly string[], frame: number, scaleX: number, scaleY: number, about: {x: number, y: number}}} args
 *   scales above 0; the point in fractions of the frame
 * @returns {Document}
 */
export function resize(document, { ids, frame, scaleX, scaleY, about }) {
  checkFrame(document, frame);
  const [sx, sy] = [scale(scaleX, "scaleX"), scale(scaleY, "scaleY")];
  return changeObjects(document, ids, (object) => {
    const { x, y, w, h } = boxAt(object, frame);
    const box = { x: about.x + (x - about.x) * sx, y: about.y + (y - about.y) * sy, w: w * sx, h: h * sy };
    return withBox(object, frame, checkBox(box, object.id));
  });
}

/**
 * Align the boxes shown at a frame: several objects to the rectangle around them all, a single one to the picture.
 * "centre" is across, "middle" is up and down.
 * @param {Document} document
 * @param {{ids: readonly string[], frame: number, edge: Edge}} args
 * @returns {Document}
 */
export function align(document, { ids, frame, edge }) {
  checkFrame(document, frame);
  choice(edge, "edge", EDGES);
  const boxes = ids.map((id) => boxAt(objectOf(document, id), frame));
  const [axis, side] = edge === "left" || edge === "centre" || edge === "right" ? AXES.x : AXES.y;
  const [low, high] =
    boxes.length === 1
      ? [0, 1]
      : [Math.min(...boxes.map((b) => b[axis] - b[side] / 2)), Math.max(...boxes.map((b) => b[axis] + b[side] / 2))];
  return changeObjects(document, ids, (object) => {
    const box = boxAt(object, frame);
    const place =
      edge === "left" || edge === "top"
        ? low + box[side] / 2
        : edge === "right" || edge === "bottom"
          ? high - box[side] / 2
          : (low + high) / 2;
    return withBox(object, frame, checkBox({ ...box, [axis]: place }, object.id));
  });
}

/**
 * Make the gaps between the boxes shown at a frame equal; the outermost two stay. Boxes that overlap get equal
 * overlaps.
 * @param {Document} document
 * @param {{ids: readonly string[], frame: number, axis: "x" | "y"}} args at least three objects
 * @returns {Document}
 */
export function distribute(document, { ids, frame, axis }) {
  checkFrame(document, frame);
  const [, side] = AXES[choice(axis, "axis", ["x", "y"])];
  const places = [...new Set(ids)].map((id) => ({ id, box: boxAt(objectOf(document, id), frame) }));
  if (places.length < 3) fail("ids", ids, "select at least 3 objects to distribute");
  places.sort((a, b) => a.box[axis] - b.box[axis]);
  const [first, last] = [places[0].box, places[places.length - 1].box];
  const inner = places.slice(1, -1);
  const free = last[axis] - last[side] / 2 - (first[axis] + first[side] / 2);
  const gap = (free - inner.reduce((sum, { box }) => sum + box[side], 0)) / (places.length - 1);
  let edge = first[axis] + first[side] / 2;
  const moved = new Map(
    inner.map(({ id, box }) => {
      const place = edge + gap + box[side] / 2;
      edge = place + box[side] / 2;
      return [id, checkBox({ ...box, [axis]: place }, id)];
    }),
  );
  return changeObjects(document, [...moved.keys()], (object) => withBox(object, frame, found(moved.get(object.id))));
}

/**
 * Mirror whole objects in the picture, with their shapes in frame 0.
 * @param {Document} document
 * @param {{ids: readonly string[], axis: "horizontal" | "vertical"}} args "horizontal" swaps left and right
 * @returns {Document}
 */
export function flip(document, { ids, axis }) {
  const name = choice(axis, "axis", ["horizontal", "vertical"]) === "horizontal" ? "x" : "y";
  return changeObjects(document, ids, (object) => {
    const moved = mapKeyframes(object, (key) => ({ ...key, [name]: 1 - key[name] }));
    return moved.shape ? { ...moved, shape: mirrored(moved.shape, name) } : moved;
  });
}

/**
 * Keep an object still: one keyframe, with the box that it shows at the frame. Hidden frames stay hidden.
 * @param {Document} document
 * @param {{id: string, frame: number}} args
 * @returns {Document}
 */
export function staticAnchor(document, { id, frame }) {
  checkFrame(document, frame);
  return changeObjects(document, [id], (object) => {
    const box = clampBox(boxAt(object, frame));
    const same = object.keyframes.length === 1 && object.keyframes[0].frame === frame;
    return same ? object : withKeyframes(object, [{ frame, ...box, ease: "linear" }]);
  });
}

/** @type {{x: readonly ["x", "w"], y: readonly ["y", "h"]}} */
const AXES = { x: ["x", "w"], y: ["y", "h"] };

/**
 * @param {DocumentObject} object
 * @param {number} frame
 * @param {Box} box
 * @returns {DocumentObject}
 */
function withBox(object, frame, box) {
  const before = object.keyframes[segmentAt(object.keyframes, frame)];
  if (before?.frame === frame && sameBox(before, box)) return object;
  return withKeyframes(object, putKeyframe(object.keyframes, { frame, ...box, ease: before?.ease ?? "linear" }));
}

/**
 * @param {DocumentObject} object
 * @param {(key: Keyframe) => Keyframe} change
 * @returns {DocumentObject}
 */
function mapKeyframes(object, change) {
  return { ...object, keyframes: object.keyframes.map(change) };
}

/**
 * The step, shortened so that no centre leaves the limits.
 * @param {readonly Box[]} boxes
 * @param {"x" | "y"} axis
 * @param {number} step
 */
function limitStep(boxes, axis, step) {
  number(step, `d${axis}`, -1e6, 1e6, "fraction of the frame");
  const centres = boxes.map((box) => box[axis]);
  return Math.min(Math.max(step, MIN_CENTRE - Math.min(...centres)), MAX_CENTRE - Math.max(...centres));
}

/**
 * @param {Box | undefined} box
 * @param {{x: number, y: number}} step
 * @returns {Box}
 */
function shifted(box, step) {
  const { x, y, w, h } = found(box);
  // Clamps rounding errors only, since the step is limited already.
  return clampBox({ x: x + step.x, y: y + step.y, w, h });
}

/**
 * @template T
 * @param {T | undefined} value
 * @returns {T}
 */
function found(value) {
  if (value === undefined) throw new TypeError("a value that was just made is missing");
  return value;
}

/**
 * @param {number} value
 * @param {string} field
 */
function scale(value, field) {
  return number(value, field, 0, 1e6, "scale of the boxes", true);
}
