/**
 * Snapping to the frame's edges and centre and to other boxes, with the guides that show it. Pure; all in fractions of the
 * picture.
 *
 * @import { Box } from "./types.js"
 * @import { Handle } from "./geometry.js"
 *
 * @typedef {"x" | "y"} Axis
 * @typedef {object} Line something to snap to
 * @property {number} at its place on the axis
 * @property {number} from where the line begins on the other axis
 * @property {number} to where it ends
 * @typedef {{readonly x: readonly Line[], readonly y: readonly Line[]}} Lines
 * @typedef {Line & {axis: Axis}} Guide
 * @typedef {{readonly x: number, readonly y: number}} Tolerance fractions of the picture's width and height
 */

/**
 * All lines of the frame and of other boxes: edges and centres.
 * @param {readonly Box[]} others
 * @returns {Lines}
 */
export function snapLines(others) {
  const frame = { x: 0.5, y: 0.5, w: 1, h: 1 };
  return { x: [frame, ...others].flatMap((box) => linesOf(box, "x")), y: [frame, ...others].flatMap((box) => linesOf(box, "y")) };
}

/**
 * A moved box, put where one of its edges or its centre meets a line.
 * @param {Box} box
 * @param {Lines} lines
 * @param {Tolerance} tolerance
 * @returns {{box: Box, guides: readonly Guide[]}}
 */
export function snapMove(box, lines, tolerance) {
  const dx = nearest([box.x - box.w / 2, box.x, box.x + box.w / 2], lines.x, tolerance.x);
  const dy = nearest([box.y - box.h / 2, box.y, box.y + box.h / 2], lines.y, tolerance.y);
  const moved = { ...box, x: box.x + dx, y: box.y + dy };
  return { box: moved, guides: guidesOf(moved, lines) };
}

/**
 * A resized box, with the dragged edges put on a line that is near; the opposite edges stay.
 * @param {Box} box
 * @param {Handle} handle
 * @param {Lines} lines
 * @param {Tolerance} tolerance
 * @returns {{box: Box, guides: readonly Guide[]}}
 */
export function snapResize(box, handle, lines, tolerance) {
  const sx = handle.includes("e") ? 1 : handle.includes("w") ? -1 : 0;
  const sy = handle.includes("s") ? 1 : handle.includes("n") ? -1 : 0;
  const dx = sx === 0 ? 0 : nearest([box.x + (sx * box.w) / 2], lines.x, Math.min(tolerance.x, box.w / 2));
  const dy = sy === 0 ? 0 : nearest([box.y + (sy * box.h) / 2], lines.y, Math.min(tolerance.y, box.h / 2));
  const resized = { x: box.x + dx / 2, y: box.y + dy / 2, w: box.w + sx * dx, h: box.h + sy * dy };
  return { box: resized, guides: guidesOf(resized, lines) };
}

/**
 * The lines that a box's edges and centre lie on, each long enough to reach both the box and what it belongs to.
 * @param {Box} box
 * @param {Lines} lines
 * @returns {readonly Guide[]}
 */
export function guidesOf(box, lines) {
  return [...onAxis(box, lines.x, "x"), ...onAxis(box, lines.y, "y")];
}

/**
 * @param {Box} box
 * @param {Axis} axis
 * @returns {Line[]}
 */
function linesOf({ x, y, w, h }, axis) {
  const [centre, half, from, to] = axis === "x" ? [x, w / 2, y - h / 2, y + h / 2] : [y, h / 2, x - w / 2, x + w / 2];
  return [centre - half, centre, centre + half].map((at) => ({ at, from, to }));
}

/**
 * The smallest shift that puts one of `places` on a line; 0 when none is within the tolerance.
 * @param {readonly number[]} places
 * @param {readonly Line[]} lines
 * @param {number} tolerance
 * @returns {number}
 */
function nearest(places, lines, tolerance) {
  let best = 0;
  let distance = tolerance;
  for (const place of places) {
    for (const { at } of lines) {
      // Strictly nearer, so that among equals the first wins: the frame before other boxes.
      if (Math.abs(at - place) < distance) {
        distance = Math.abs(at - place);
        best = at - place;
      }
    }
  }
  return best;
}

/**
 * @param {Box} box
 * @param {readonly Line[]} lines
 * @param {Axis} axis
 * @returns {Guide[]}
 */
function onAxis(box, lines, axis) {
  const own = linesOf(box, axis);
  /** @type {Map<number, Guide>} */
  const guides = new Map();
  for (const line of lines) {
    const met = own.find(({ at }) => Math.abs(at - line.at) < 1e-9);
    if (!met) continue;
    const before = guides.get(met.at);
    guides.set(met.at, {
      axis,
      at: met.at,
      from: Math.min(before?.from ?? Infinity, met.from, line.from),
      to: Math.max(before?.to ?? -Infinity, met.to, line.to),
    });
  }
  return [...guides.values()];
}
