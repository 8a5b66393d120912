/**
 * Operations on the shapes of objects in frame 0. A shape lies on the object's box there, so the box is always brought around what is
 * inside, and the boxes of the other keyframes by the same shares: the motion of the thing stays. See operations.js for what holds for all.
 *
 * @import { Box, Document, DocumentObject, FirstShape } from "../model/types.js"
 * @import { Mask } from "../model/cells.js"
 * @import { Point } from "../model/geometry.js"
 *
 * @typedef {{readonly x: number, readonly y: number, readonly w: number, readonly h: number}} Part of the frame, x, y its top-left corner,
 *   as fractions
 * @typedef {{readonly part: Part, readonly mask: Mask}} Sheet a mask and where it lies
 */

import { boundsOf, cutMask, evened, regridded } from "../model/cells.js";
import { fromCells, toCells } from "../model/first_shape.js";
import { shorten } from "../model/format.js";
import { MAX_RUNS, MAX_SHAPE_SIDE } from "../model/limits.js";
import { boxAt } from "../model/sample.js";
import { changeObjects, clampBox, objectOf } from "./edit.js";
import { addObject } from "./operations.js";

/**
 * A new object around a thing in frame 0. Its id is `document.objects.at(-1).id` of the result.
 * @param {Document} document
 * @param {{thing: Sheet, label: string}} args
 * @returns {Document}
 */
export function addThing(document, { thing, label }) {
  const added = addObject(document, { box: clampBox(boxOf(thing.part)), frame: 0, label });
  const { id } = added.objects[added.objects.length - 1];
  return setShape(added, { id, thing });
}

/**
 * Give an object a shape in frame 0; its boxes follow.
 * @param {Document} document
 * @param {{id: string, thing: Sheet}} args
 * @returns {Document}
 */
export function setShape(document, { id, thing }) {
  return changeObjects(document, [id], (object) => withSheet(object, thing));
}

/**
 * Add a thing to the shape of an object, or take it away.
 * @param {Document} document
 * @param {{id: string, thing: Sheet, add: boolean}} args
 * @returns {Document}
 * @throws {RangeError} when nothing would be left
 */
export function combineShape(document, { id, thing, add }) {
  const { part, mask } = thing;
  return changeObjects(document, [id], (object) => {
    const sheet = sheetFor(object, document.size, add ? part : undefined);
    const value = Number(add);
    return withSheet(object, painted(sheet, value, (x, y) => {
      const column = Math.floor(((x - part.x) / part.w) * mask.width);
      const row = Math.floor(((y - part.y) / part.h) * mask.height);
      return column >= 0 && row >= 0 && column < mask.width && row < mask.height && mask.inside[row * mask.width + column] > 0;
    }));
  });
}

/**
 * A stroke of the brush: add to the shape of an object in frame 0, or take from it. An object without a shape begins with its whole box.
 * @param {Document} document
 * @param {{id: string, points: readonly Point[], radius: number, add: boolean}} args fractions of the frame; the radius in pixels of the clip
 * @returns {Document}
 * @throws {RangeError} when nothing would be left
 */
export function paintShape(document, { id, points, radius, add }) {
  const [width, height] = document.size;
  const [rx, ry] = [radius / width, radius / height];
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const [x, y] = [Math.max(Math.min(...xs) - rx, 0), Math.max(Math.min(...ys) - ry, 0)];
  const part = { x, y, w: Math.min(Math.max(...xs) + rx, 1) - x, h: Math.min(Math.max(...ys) + ry, 1) - y };
  if (!(part.w > 0 && part.h > 0)) return document;
  const line = points.map((point) => ({ x: point.x * width, y: point.y * height }));
  return changeObjects(document, [id], (object) => {
    const sheet = sheetFor(object, document.size, add ? part : undefined);
    const cell = [(sheet.part.w / sheet.mask.width) * width, (sheet.part.h / sheet.mask.height) * height];
    // So that a brush smaller than a cell paints one, too.
    const reach = Math.max(radius, Math.hypot(cell[0], cell[1]) / 2);
    return withSheet(object, painted(sheet, Number(add), (px, py) => isNear(line, px * width, py * height, reach), part));
  });
}

/**
 * Without shapes the objects fill their boxes again.
 * @param {Document} document
 * @param {{ids: readonly string[]}} args
 * @returns {Document}
 */
export function clearShapes(document, { ids }) {
  return changeObjects(document, ids, withoutShape);
}

/**
 * @param {DocumentObject} object
 * @returns {DocumentObject} the very same where it has none
 */
export function withoutShape(object) {
  const { shape, ...rest } = object;
  return shape ? rest : object;
}

/**
 * The shape of a mask, within a document's limits: a mask of too many cells or runs becomes coarser.
 * @param {Mask} mask not empty
 * @returns {FirstShape}
 */
export function shapeFrom(mask) {
  let [kept, tries] = [regridded(mask, Math.min(mask.width, MAX_SHAPE_SIDE), Math.min(mask.height, MAX_SHAPE_SIDE)), 0];
  while (runsOf(kept) > MAX_RUNS) {
    tries += 1;
    const even = evened(kept);
    const still = tries < 4 && even.inside.includes(1);
    kept = still ? even : regridded(kept, Math.ceil(kept.width / 2), Math.ceil(kept.height / 2));
  }
  return fromCells({ columns: kept.width, rows: kept.height, inside: kept.inside });
}

/** @param {Part} part @returns {Box} */
function boxOf({ x, y, w, h }) {
  return { x: x + w / 2, y: y + h / 2, w, h };
}

/** The object with a shape, and its boxes around it. @param {DocumentObject} object @param {Sheet} sheet @returns {DocumentObject} */
function withSheet(object, { part, mask }) {
  const bounds = boundsOf(mask);
  if (!bounds) throw new RangeError(`mask of ${shorten(object.label || object.id)} would be empty: leave some of it, or delete the object.`);
  const [cw, ch] = [part.w / mask.width, part.h / mask.height];
  const { left, top, right, bottom } = bounds;
  const to = boxOf({ x: part.x + left * cw, y: part.y + top * ch, w: (right - left) * cw, h: (bottom - top) * ch });
  const from = boxAt(object, 0);
  const keyframes = object.keyframes.map((key) => ({
    ...key,
    ...clampBox({
      x: key.x + ((to.x - from.x) / from.w) * key.w, y: key.y + ((to.y - from.y) / from.h) * key.h,
      w: key.w * (to.w / from.w), h: key.h * (to.h / from.h),
    }),
  }));
  return { ...object, shape: shapeFrom(cutMask(mask, bounds)), keyframes };
}

/** What an object fills in frame 0, on a sheet that has room for a part of the frame. @param {DocumentObject} object @param {readonly [number, number]} size @param {Part | undefined} room @returns {Sheet} */
function sheetFor(object, size, room) {
  const { x, y, w, h } = boxAt(object, 0);
  const part = { x: x - w / 2, y: y - h / 2, w, h };
  const cells = object.shape && toCells(object.shape);
  const [columns, rows] = cells ? [cells.columns, cells.rows] : [w * size[0], h * size[1]].map((side) => Math.min(Math.max(Math.round(side), 1), MAX_SHAPE_SIDE));
  const mask = { width: columns, height: rows, inside: cells?.inside ?? new Uint8Array(columns * rows).fill(1) };
  if (!room) return { part, mask };
  const across = widened(part.x, w, columns, room.x, room.w);
  const down = widened(part.y, h, rows, room.y, room.h);
  const inside = new Uint8Array(across.count * down.count);
  down.sources.forEach((row, j) => {
    if (row >= 0) across.sources.forEach((column, i) => (inside[j * across.count + i] = column >= 0 ? mask.inside[row * columns + column] : 0));
  });
  return { part: { x: across.start, y: down.start, w: across.extent, h: down.extent }, mask: { width: across.count, height: down.count, inside } };
}

/** Along one axis: cells that reach over a part too, at most 512, and the old cell of each, or -1. @param {number} start @param {number} extent @param {number} count @param {number} from @param {number} span */
function widened(start, extent, count, from, span) {
  const cell = extent / count;
  const before = Math.max(Math.ceil((start - from) / cell - 1e-9), 0);
  const after = Math.max(Math.ceil((from + span - start - extent) / cell - 1e-9), 0);
  const total = before + count + after;
  const kept = Math.min(total, MAX_SHAPE_SIDE);
  const sources = Array.from({ length: kept }, (_, i) => {
    const source = Math.floor(((i + 0.5) * total) / kept) - before;
    return source >= 0 && source < count ? source : -1;
  });
  return { start: start - before * cell, extent: total * cell, count: kept, sources };
}

/** A sheet with the cells whose centre is hit set to a value; none beyond the frame. @param {Sheet} sheet @param {number} value @param {(x: number, y: number) => boolean} hits @param {Part} [near] no centre outside is hit @returns {Sheet} */
function painted({ part, mask }, value, hits, near = { x: 0, y: 0, w: 1, h: 1 }) {
  const { width, height } = mask;
  const inside = Uint8Array.from(mask.inside);
  const [cw, ch] = [part.w / width, part.h / height];
  const [first, last] = [Math.max(Math.floor((near.x - part.x) / cw) - 1, 0), Math.min(Math.ceil((near.x + near.w - part.x) / cw) + 1, width)];
  const [top, end] = [Math.max(Math.floor((near.y - part.y) / ch) - 1, 0), Math.min(Math.ceil((near.y + near.h - part.y) / ch) + 1, height)];
  for (let row = top; row < end; row += 1) {
    const y = part.y + (row + 0.5) * ch;
    for (let column = first; column < last; column += 1) {
      const x = part.x + (column + 0.5) * cw;
      if (x >= 0 && x <= 1 && y >= 0 && y <= 1 && hits(x, y)) inside[row * width + column] = value;
    }
  }
  return { part, mask: { width, height, inside } };
}

/** Whether a point is near a line. @param {readonly Point[]} line @param {number} x @param {number} y @param {number} reach */
function isNear(line, x, y, reach) {
  for (let i = 0; i < line.length; i += 1) {
    const [a, b] = [line[Math.max(i - 1, 0)], line[i]];
    const [dx, dy] = [b.x - a.x, b.y - a.y];
    const along = dx || dy ? Math.min(Math.max(((x - a.x) * dx + (y - a.y) * dy) / (dx * dx + dy * dy), 0), 1) : 0;
    const [ox, oy] = [a.x + dx * along - x, a.y + dy * along - y];
    if (ox * ox + oy * oy <= reach * reach) return true;
  }
  return false;
}

/** @param {Mask} mask */
function runsOf({ inside }) {
  let runs = inside[0] ? 2 : 1;
  for (let i = 1; i < inside.length; i += 1) if (inside[i] !== inside[i - 1]) runs += 1;
  return runs;
}

/** Whether a place of frame 0 lies in the box of an object there. @param {Document} document @param {string} id @param {Point} at */
export function boxHolds(document, id, { x, y }) {
  const box = boxAt(objectOf(document, id), 0);
  return Math.abs(x - box.x) <= box.w / 2 && Math.abs(y - box.y) <= box.h / 2;
}
