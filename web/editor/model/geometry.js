/**
 * Where things lie on the stage: picture <-> canvas, hit-testing, handles, resizing. Pure, without a DOM.
 *
 * A `View` is the picture's rectangle on the canvas in CSS pixels; boxes are fractions of the picture with x, y the
 * centre; a `Rect` is in canvas pixels.
 *
 * @import { Box } from "./types.js"
 *
 * @typedef {{readonly left: number, readonly top: number, readonly width: number, readonly height: number}} View
 * @typedef {{readonly left: number, readonly top: number, readonly right: number, readonly bottom: number}} Rect
 * @typedef {{readonly x: number, readonly y: number}} Point
 * @typedef {"nw" | "n" | "ne" | "e" | "se" | "s" | "sw" | "w"} Handle
 */

/** Corners first, so that they win where a small box has no room for all. @type {readonly Handle[]} */
export const HANDLES = ["nw", "ne", "se", "sw", "n", "e", "s", "w"];
/** How near a pointer must come to a handle, in CSS pixels. A finger hides what it points at. */
const REACH = { mouse: 8, pen: 16, touch: 28 };
const MIN_ZOOM = 0.5;
export const MAX_ZOOM = 16;
/** The smallest box a gesture leaves, in fractions of the frame: still visible and easy to grab. */
export const SMALLEST = 0.004;

/**
 * The reach of a pointer, by `PointerEvent.pointerType`.
 * @param {string} pointerType anything unknown counts as a mouse
 * @returns {number} CSS pixels
 */
export function reachOf(pointerType) {
  return pointerType === "touch" || pointerType === "pen" ? REACH[pointerType] : REACH.mouse;
}

/**
 * The view that shows the whole picture in the middle of a stage, with room around it for boxes that leave the frame.
 * @param {number} width of the stage, CSS pixels
 * @param {number} height of the stage
 * @param {readonly [number, number]} size of the picture; only its shape counts
 * @returns {View}
 */
export function fitView(width, height, size) {
  const margin = Math.min(width, height) < 260 ? 14 : 24;
  const scale = Math.max(Math.min((width - 2 * margin) / size[0], (height - 2 * margin) / size[1]), 1e-3);
  const [w, h] = [size[0] * scale, size[1] * scale];
  return { left: (width - w) / 2, top: (height - h) / 2, width: w, height: h };
}

/**
 * The view enlarged by `factor` about a canvas point that stays where it is.
 * @param {View} view
 * @param {number} factor
 * @param {Point} at
 * @param {View} fitted the view at zoom 1, for the limits
 * @returns {View}
 */
export function zoomView(view, factor, at, fitted) {
  const zoom = view.width / fitted.width;
  const by = Math.min(Math.max(zoom * factor, MIN_ZOOM), MAX_ZOOM) / zoom;
  return {
    left: at.x - (at.x - view.left) * by,
    top: at.y - (at.y - view.top) * by,
    width: view.width * by,
    height: view.height * by,
  };
}

/**
 * @param {View} view
 * @param {Point} point canvas pixels
 * @returns {Point} fractions of the picture
 */
export function toPicture(view, { x, y }) {
  return { x: (x - view.left) / view.width, y: (y - view.top) / view.height };
}

/**
 * @param {View} view
 * @param {Point} point fractions of the picture
 * @returns {Point} canvas pixels
 */
export function toCanvas(view, { x, y }) {
  return { x: view.left + x * view.width, y: view.top + y * view.height };
}

/**
 * @param {View} view
 * @param {Box} box
 * @returns {Rect}
 */
export function rectOf(view, { x, y, w, h }) {
  const left = view.left + (x - w / 2) * view.width;
  const top = view.top + (y - h / 2) * view.height;
  return { left, top, right: left + w * view.width, bottom: top + h * view.height };
}

/**
 * The box between two opposite corners, never smaller than SMALLEST.
 * @param {Point} a fractions of the picture
 * @param {Point} b
 * @returns {Box}
 */
export function boxBetween(a, b) {
  return {
    x: (a.x + b.x) / 2,
    y: (a.y + b.y) / 2,
    w: Math.max(Math.abs(a.x - b.x), SMALLEST),
    h: Math.max(Math.abs(a.y - b.y), SMALLEST),
  };
}

/**
 * Where a handle stands.
 * @param {Rect} rect
 * @param {Handle} handle
 * @returns {Point}
 */
export function handlePoint(rect, handle) {
  const across = handle.includes("w") ? 0 : handle.includes("e") ? 1 : 0.5;
  const down = handle.includes("n") ? 0 : handle.includes("s") ? 1 : 0.5;
  return { x: rect.left + (rect.right - rect.left) * across, y: rect.top + (rect.bottom - rect.top) * down };
}

/**
 * The handles that a box has room for: the sides' middle ones only where a side is long enough.
 * @param {Rect} rect
 * @param {number} reach
 * @returns {readonly Handle[]}
 */
export function handlesOf(rect, reach) {
  const wide = rect.right - rect.left > reach * 4;
  const high = rect.bottom - rect.top > reach * 4;
  return HANDLES.filter((handle) => handle.length === 2 || (handle === "n" || handle === "s" ? wide : high));
}

/**
 * The handle under the pointer. Outside the box its full reach counts, inside at most a quarter of the box, so that a
 * small box can still be grabbed in its middle.
 * @param {Rect} rect
 * @param {Point} point
 * @param {number} reach
 * @returns {Handle | undefined}
 */
export function handleAt(rect, point, reach) {
  const across = Math.min(reach, (rect.right - rect.left) / 4);
  const down = Math.min(reach, (rect.bottom - rect.top) / 4);
  return handlesOf(rect, reach).find((handle) => {
    const at = handlePoint(rect, handle);
    const [dx, dy] = [point.x - at.x, point.y - at.y];
    const inX = point.x > rect.left && point.x < rect.right ? across : reach;
    const inY = point.y > rect.top && point.y < rect.bottom ? down : reach;
    return Math.abs(dx) <= inX && Math.abs(dy) <= inY;
  });
}

/**
 * Whether a point lies in a rectangle that is grown on all sides until it is at least `reach` wide and high.
 * @param {Rect} rect
 * @param {Point} point
 * @param {number} [reach]
 * @returns {boolean}
 */
export function contains(rect, point, reach = 0) {
  const growX = Math.max((reach - (rect.right - rect.left)) / 2, 0);
  const growY = Math.max((reach - (rect.bottom - rect.top)) / 2, 0);
  return (
    point.x >= rect.left - growX && point.x <= rect.right + growX &&
    point.y >= rect.top - growY && point.y <= rect.bottom + growY
  );
}

/**
 * The distance of a point from a straight piece.
 * @param {Point} a
 * @param {Point} b
 * @param {Point} point
 * @returns {number}
 */
export function awayFrom(a, b, point) {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const along = ((point.x - a.x) * dx + (point.y - a.y) * dy) / (dx * dx + dy * dy || 1);
  const share = Math.min(Math.max(along, 0), 1);
  return Math.hypot(a.x + dx * share - point.x, a.y + dy * share - point.y);
}

/**
 * @param {Rect} a
 * @param {Rect} b
 * @returns {boolean}
 */
export function overlaps(a, b) {
  return a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
}

/**
 * What lies under a point, topmost first; what is selected comes before what covers it, so that it can be moved.
 * @template {{readonly id: string, readonly box: Box}} T
 * @param {View} view
 * @param {readonly T[]} shown in drawing order
 * @param {Point} point canvas pixels
 * @param {number} reach
 * @param {readonly string[]} [selected] ids
 * @returns {T[]}
 */
export function hits(view, shown, point, reach, selected = []) {
  const found = shown.filter(({ box }) => contains(rectOf(view, box), point, reach)).reverse();
  return [...found.filter(({ id }) => selected.includes(id)), ...found.filter(({ id }) => !selected.includes(id))];
}

/**
 * A box with the dragged sides moved.
 * @param {Box} box
 * @param {Handle} handle
 * @param {Point} by fractions of the picture
 * @param {object} [options]
 * @param {boolean} [options.ratio] keep the box's shape (corners only)
 * @param {boolean} [options.centre] keep its centre
 * @returns {Box}
 */
export function resizeBox(box, handle, by, { ratio = false, centre = false } = {}) {
  const [sx, sy] = [handle.includes("e") ? 1 : handle.includes("w") ? -1 : 0, handle.includes("s") ? 1 : handle.includes("n") ? -1 : 0];
  const both = centre ? 2 : 1;
  let w = Math.max(box.w + sx * by.x * both, SMALLEST);
  let h = Math.max(box.h + sy * by.y * both, SMALLEST);
  if (ratio && sx !== 0 && sy !== 0) {
    const scale = Math.max(w / box.w, h / box.h);
    [w, h] = [box.w * scale, box.h * scale];
  }
  if (centre) return { x: box.x, y: box.y, w, h };
  return { x: box.x + (sx * (w - box.w)) / 2, y: box.y + (sy * (h - box.h)) / 2, w, h };
}

/**
 * The smallest box around all of them.
 * @param {readonly Box[]} boxes at least one
 * @returns {Box}
 */
export function boxAround(boxes) {
  const left = Math.min(...boxes.map(({ x, w }) => x - w / 2));
  const right = Math.max(...boxes.map(({ x, w }) => x + w / 2));
  const top = Math.min(...boxes.map(({ y, h }) => y - h / 2));
  const bottom = Math.max(...boxes.map(({ y, h }) => y + h / 2));
  return { x: (left + right) / 2, y: (top + bottom) / 2, w: right - left, h: bottom - top };
}
