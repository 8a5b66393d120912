/**
 * A path drawn in one stroke: its places are spread evenly over a span of frames, whatever the speed of the hand.
 *
 * @import { Box, Document, DocumentObject, KeyRef, Keyframe } from "../model/types.js"
 * @import { Point } from "../model/geometry.js"
 */

import { replaceRange } from "./bake.js";
import { fail } from "../model/checks.js";
import { changeObjects, checkFrame, clampBox, objectOf, putKeyframe, withKeyframes } from "./edit.js";
import { addObject } from "./operations.js";
import { awayFrom } from "../model/geometry.js";
import { boxAt } from "../model/sample.js";
import { neededBoxes, slackOf } from "../model/simplify.js";

/** Size of a new box that was not drawn from corner to corner, as fractions of the frame. */
export const NEW_SIZE = { w: 0.2, h: 0.3 };
/** A curve through the keyframes needs fewer than straight lines do, so the first guess may be coarse. */
const COARSE = 4;

/**
 * The frames that a stroke fills: from the first to the last of the object's selected keyframes, if there are two; else from its first
 * keyframe to its last; an object at rest moves from its keyframe to the end of the clip.
 * @param {Document} document
 * @param {string} id
 * @param {readonly KeyRef[]} keys the selected ones
 * @returns {readonly [number, number]} first and last frame, both included
 */
export function spanOf(document, id, keys) {
  const own = keys.filter((key) => key.id === id).map(({ frame }) => frame);
  const frames = own.length > 1 ? own : objectOf(document, id).keyframes.map(({ frame }) => frame);
  const [first, last] = [Math.min(...frames), Math.max(...frames)];
  if (first < last) return [first, last];
  return first < document.frames - 1 ? [first, document.frames - 1] : [0, first];
}

/**
 * Places at equal distances along a line, its ends included.
 * @param {readonly Point[]} points at least one, fractions of the frame
 * @param {number} count 2 or more
 * @param {readonly [number, number]} size of the frame in pixels, in which distances are measured
 * @returns {Point[]}
 */
export function placesAlong(points, count, [width, height]) {
  const reached = [0];
  for (let i = 1; i < points.length; i += 1) {
    const [dx, dy] = [points[i].x - points[i - 1].x, points[i].y - points[i - 1].y];
    reached.push(reached[i - 1] + Math.hypot(dx * width, dy * height));
  }
  const length = reached[reached.length - 1];
  let next = 1;
  return Array.from({ length: count }, (_, step) => {
    if (step === count - 1) return points[points.length - 1];
    const at = (length * step) / (count - 1);
    while (next < points.length - 1 && reached[next] < at) next += 1;
    if (!(length > 0)) return points[0];
    const [a, b] = [points[next - 1], points[next]];
    const share = Math.max(at - reached[next - 1], 0) / (reached[next] - reached[next - 1] || 1);
    return { x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share };
  });
}

/**
 * Lead an object's centre along a stroke, evenly from frame `first` to `last`; its size stays what it was at each frame. A stroke over
 * all its keyframes gives a smooth path with as few keyframes as follow the stroke; one over a part of them is put between the rest
 * as `replaceRange` does.
 * @param {Document} document
 * @param {object} args
 * @param {string} args.id
 * @param {readonly Point[]} args.points where the CENTRE goes, at least two, fractions of the frame
 * @param {number} args.first
 * @param {number} args.last after `first`
 * @param {number} [args.tolerance] pixels by which the path may miss the stroke
 * @returns {Document}
 * @throws {RangeError} in a clip of one frame, or when more than 512 keyframes are needed
 */
export function drawPath(document, { id, points, first, last, tolerance = 4 }) {
  checkFrame(document, first, "first");
  checkFrame(document, last, "last");
  if (last <= first) fail("last", last, `give a frame after the path's first, ${first}, in a clip of at least 2 frames`);
  if (points.length < 2) fail("points", points, "draw a line of at least two points");
  const object = objectOf(document, id);
  const places = placesAlong(points, last - first + 1, document.size);
  const boxes = places.map((place, step) => clampBox({ ...boxAt(object, first + step), ...place }));
  const { keyframes } = object;
  const isWhole = first <= keyframes[0].frame && last >= keyframes[keyframes.length - 1].frame;
  return changeObjects(document, [id], () =>
    isWhole ? smoothed(object, first, boxes, document.size, tolerance) : replaceRange(object, { first, boxes, size: document.size, tolerance }));
}

/**
 * A new object that follows a stroke. Its id is `document.objects.at(-1).id` of the result.
 * @param {Document} document
 * @param {{points: readonly Point[], label?: string, tolerance?: number}} args
 * @returns {Document}
 */
export function addDrawn(document, { points, label, tolerance }) {
  const added = addObject(document, { box: clampBox({ ...points[0], ...NEW_SIZE }), frame: 0, label });
  const { id } = added.objects[added.objects.length - 1];
  return drawPath(added, { id, points, first: 0, last: document.frames - 1, tolerance });
}

/**
 * The object on a smooth path through few of the boxes: the bends first, then wherever the curve is farthest off, and at last without
 * those that are not needed after all.
 * @param {DocumentObject} object
 * @param {number} first frame of the first box
 * @param {readonly Box[]} boxes
 * @param {readonly [number, number]} size
 * @param {number} tolerance pixels
 * @returns {DocumentObject}
 */
function smoothed(object, first, boxes, size, tolerance) {
  const slack = slackOf(tolerance, size);
  const coarse = { x: slack.x * COARSE, y: slack.y * COARSE, w: slack.w, h: slack.h };
  const frames = boxes.map((_, step) => first + step);
  const kept = neededBoxes(frames, boxes, coarse, { keepLast: true });
  /** @param {number} step @returns {Keyframe} */
  const keyAt = (step) => ({ frame: first + step, ...boxes[step], ease: "linear" });
  const ink = { first, boxes, size, tolerance };
  let now = withKeyframes({ ...object, path: "smooth" }, kept.map(keyAt));
  for (let worst = farthestOff(now, ink); worst !== undefined; worst = farthestOff(now, ink)) {
    now = withKeyframes(now, putKeyframe(now.keyframes, keyAt(worst)));
  }
  for (const { frame } of now.keyframes.slice(1, -1)) {
    const without = withKeyframes(now, now.keyframes.filter((key) => key.frame !== frame));
    if (farthestOff(without, ink) === undefined) now = without;
  }
  return now;
}

/**
 * The box that an object misses most. Its centre may be where the ink is a frame earlier or later: that is seen less than a path beside
 * the ink.
 * @param {DocumentObject} object
 * @param {{first: number, boxes: readonly Box[], size: readonly [number, number], tolerance: number}} ink
 * @returns {number | undefined} its index; undefined when none is missed by more than the tolerance
 */
function farthestOff(object, { first, boxes, size, tolerance }) {
  let most = tolerance + 1e-6;
  /** @type {number | undefined} */
  let worst;
  const [width, height] = size;
  boxes.forEach((box, step) => {
    const at = boxAt(object, first + step);
    const around = [boxes[Math.max(step - 1, 0)], box, boxes[Math.min(step + 1, boxes.length - 1)]].map(({ x, y }) => ({ x: x * width, y: y * height }));
    const centre = { x: at.x * width, y: at.y * height };
    const off = Math.max(
      Math.min(awayFrom(around[0], around[1], centre), awayFrom(around[1], around[2], centre)),
      Math.abs(at.w - box.w) * width,
      Math.abs(at.h - box.h) * height,
    );
    if (off > most) [most, worst] = [off, step];
  });
  return worst;
}
