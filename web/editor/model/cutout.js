/**
 * The cut-outs of frame 0's objects, and what is drawn of them where on a frame: the same rules as
 * flashmotion_core/trajectory/drawing/cutouts.py and animatic.py (which state them), held to tests/golden/animatic.json.
 *
 * @import { Corner, HardMask, Shape, Size } from "./soft_shapes.js"
 *
 * @typedef {{shape: Shape, hole: Shape, feather: number}} CutOut an object's shape, the hole that it leaves, its feather in pixels
 *
 * @typedef {object} Layer one thing to draw, from back to front
 * @property {"hole" | "object" | "patch"} kind a hole's filling; a cut-out; the filling of `inner`'s hole in the cut-out of `object`
 * @property {number} object
 * @property {number} inner
 * @property {number} opacity 0..1
 */

import { pixelRectangle } from "./rectangle.js";
import { boxShape, maskShape, opacityAt } from "./soft_shapes.js";

const [FEATHER, FEATHER_MOST, ROUNDING, BLUR] = [0.12, 0.03, 0.18, 0.004];

/**
 * How wide the soft border of an object is, in pixels.
 * @param {Corner} box on frame 0
 * @param {Size} size of the picture
 */
export function featherOf(box, size) {
  return Math.max(1, Math.min(FEATHER * Math.min(box[2], box[3]), FEATHER_MOST * Math.min(...size)));
}

/**
 * The cut-out of an object.
 * @param {Corner} box on frame 0, in pixels
 * @param {Size} size of the picture
 * @param {HardMask | null} [mask] its shape on frame 0; the box with a soft border without one, or where it is the filled box
 * @returns {CutOut | null} null: it is outside
 */
export function cutOut(box, size, mask = null) {
  const rectangle = pixelRectangle(box, size);
  if (!rectangle) return null;
  const soft = featherOf(box, size);
  if (!mask || isFilled(mask, rectangle)) {
    const rounding = ROUNDING * Math.min(box[2], box[3]);
    return {
      shape: boxShape(box, size, { soft, rounding, level: 0.5, beyond: soft }),
      hole: boxShape(box, size, { soft, rounding: soft, level: 1.5, beyond: 0 }),
      feather: soft,
    };
  }
  const radius = Math.max(1, Math.floor(BLUR * Math.min(...size) + 0.5));
  return {
    shape: maskShape(mask, size, { radius, low: 0.3, width: 0.5, beyond: soft }),
    hole: maskShape(mask, size, { radius: 2 * radius, low: 0, width: 0.25, beyond: 0 }),
    feather: soft,
  };
}

/**
 * What each object's mask has to itself: a pixel in two masks belongs to the object with the smaller box.
 * @param {readonly (HardMask | null)[]} masks null where an object has none, or is not there on frame 0
 * @param {readonly Corner[]} boxes on frame 0
 * @param {Size} size
 * @returns {(HardMask | null)[]}
 */
export function ownMasks(masks, boxes, size) {
  const shaped = masks.map((mask, n) => {
    const rectangle = pixelRectangle(boxes[n], size);
    return mask && rectangle && !isFilled(mask, rectangle) ? mask : null;
  });
  const own = [...shaped];
  for (const [n, m] of smallerOverLarger(boxes, shaped)) {
    const [behind, front] = [own[n], shaped[m]];
    if (!behind || !front) continue;
    const inside = behind.inside.map((value, i) => {
      const x = behind.left + (i % behind.width) - front.left;
      const y = behind.top + Math.floor(i / behind.width) - front.top;
      return x >= 0 && y >= 0 && x < front.width && y < front.height && front.inside[y * front.width + x] ? 0 : value;
    });
    if (inside.some(Boolean)) own[n] = { ...behind, inside };
  }
  return own;
}

/**
 * Pairs [n, m]: object m's shape lies over n's on frame 0 and owns the pixels there, because its box is smaller.
 * @param {readonly Corner[]} boxes on frame 0
 * @param {readonly (CutOut | null)[]} cuts
 * @returns {[number, number][]}
 */
export function ownedPairs(boxes, cuts) {
  return smallerOverLarger(boxes, cuts).filter(([n, m]) => {
    const [shape, hole] = [cuts[n]?.shape, cuts[m]?.hole];
    if (!shape || !hole) return false;
    const [right, bottom] = [Math.min(shape.left + shape.width, hole.left + hole.width), Math.min(shape.top + shape.height, hole.top + hole.height)];
    for (let row = Math.max(shape.top, hole.top); row < bottom; row += 1) {
      for (let column = Math.max(shape.left, hole.left); column < right; column += 1) {
        if (opacityAt(shape, column, row) * opacityAt(hole, column, row) > 0.01) return true;
      }
    }
    return false;
  });
}

/**
 * How far an object's hole is open: 0 at rest, 1 away or hidden.
 * @param {Corner} from its box on frame 0, in pixels
 * @param {Corner} to its box now
 * @param {boolean} visible
 * @param {number} feather
 */
export function opennessOf(from, to, visible, feather) {
  if (!visible) return 1;
  const moved = Math.max(
    Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]),
    Math.abs(to[0] + to[2] - from[0] - from[2]), Math.abs(to[1] + to[3] - from[1] - from[3]),
  );
  return Math.min(moved / Math.max(1, feather / 3), 1);
}

/**
 * What is drawn over the picture, from back to front: first the holes, then the objects in list order. Nothing where all rest, because
 * the picture shows that itself.
 * @param {readonly number[]} openness of each object's hole
 * @param {readonly boolean[]} shown whether each object has a cut-out and is visible
 * @param {readonly (readonly [number, number])[]} pairs as `ownedPairs` gives
 * @returns {Layer[]}
 */
export function layersOf(openness, shown, pairs) {
  if (!openness.some(Boolean)) return [];
  /** @type {Layer[]} */
  const layers = [];
  openness.forEach((opacity, n) => {
    if (opacity) layers.push({ kind: "hole", object: n, inner: n, opacity });
  });
  shown.forEach((isShown, n) => {
    if (!isShown) return;
    layers.push({ kind: "object", object: n, inner: n, opacity: 1 });
    for (const [outer, inner] of pairs) {
      if (outer === n && openness[inner]) layers.push({ kind: "patch", object: n, inner, opacity: openness[inner] });
    }
  });
  return layers;
}

/**
 * Where a part of frame 0 lies when its object's box has moved: x, y, w, h.
 * @param {{left: number, top: number, width: number, height: number}} part
 * @param {Corner} from
 * @param {Corner} to in the same units
 * @returns {[number, number, number, number]}
 */
export function movedPart({ left, top, width, height }, from, to) {
  const [x, y] = [to[2] / from[2], to[3] / from[3]];
  return [to[0] + (left - from[0]) * x, to[1] + (top - from[1]) * y, width * x, height * y];
}

/** @param {HardMask} mask @param {{left: number, top: number, right: number, bottom: number}} rectangle */
function isFilled({ left, top, width, height, inside }, rectangle) {
  return left === rectangle.left && top === rectangle.top && left + width === rectangle.right && top + height === rectangle.bottom && inside.every(Boolean);
}

/** [n, m], m owning what it shares with n. @param {readonly Corner[]} boxes @param {readonly unknown[]} there @returns {[number, number][]} */
function smallerOverLarger(boxes, there) {
  const area = boxes.map(([, , w, h]) => w * h);
  return boxes.flatMap((_, n) =>
    boxes.flatMap((__, m) => {
      const owns = area[m] < area[n] || (area[m] === area[n] && m > n);
      return owns && there[n] && there[m] ? [/** @type {[number, number]} */ ([n, m])] : [];
    }),
  );
}
