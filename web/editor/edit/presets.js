/**
 * Ready-made motions. Each replaces what an object does between two frames: it travels straight from the box that it
 * has at `from` to the one it has at `to`, with the preset's swing on top, in few keyframes that can be edited further.
 * What it does before and after stays. Pure functions (document, arguments) -> document, as in operations.js.
 *
 * @import { Document, Ease, Path } from "../model/types.js"
 */

import { fail, number, whole } from "../model/checks.js";
import { cutAt } from "./cut.js";
import { changeObjects, checkBox, checkFrame, withKeyframes } from "./edit.js";
import { boxAt } from "../model/sample.js";

/** @typedef {{id: string, from: number, to: number}} Place */
/** @typedef {{share: number, dx: number, dy: number, ease?: Ease}} Step share of the time, fractions of the frame */

/** Exact parabolas: slowing down on the way up, falling on the way down. @type {readonly [Ease, Ease]} */
const [RISE, FALL] = [
  [1 / 3, 2 / 3, 2 / 3, 1],
  [1 / 3, 0, 2 / 3, 1 / 3],
];

/**
 * A throw: up and down once, on a smooth path (which the whole object then has). Five keyframes.
 * @param {Document} document
 * @param {Place & {height: number}} args height as a fraction of the frame's, upwards; below 0 sags
 * @returns {Document}
 */
export function arc(document, { id, from, to, height }) {
  number(height, "height", -4, 4, "fraction of the frame's height");
  const shares = [0, 0.25, 0.5, 0.75, 1];
  const steps = shares.map((share) => ({ share, dx: 0, dy: -height * 4 * share * (1 - share) }));
  return swing(document, { id, from, to }, steps, "smooth");
}

/**
 * A ball that bounces on its way, each time lower. Two keyframes a bounce, on a linear path (which the whole object
 * then has), with the eases of gravity; they also slow the way across at the top.
 * @param {Document} document
 * @param {Place & {height: number, bounces: number, decay?: number}} args height of the first bounce as a fraction of
 *   the frame's, 1 to 32 bounces, decay: each height over the one before, above 0, at most 1
 * @returns {Document}
 */
export function bounce(document, { id, from, to, height, bounces, decay = 0.5 }) {
  number(height, "height", 0, 4, "fraction of the frame's height", true);
  number(decay, "decay", 0, 1, "height over the one before", true);
  whole(bounces, "bounces", 1, 32, "how often");
  const heights = Array.from({ length: bounces }, (_, n) => height * decay ** n);
  const total = heights.reduce((sum, h) => sum + Math.sqrt(h), 0);
  let start = 0;
  const steps = heights.flatMap((h) => {
    // The time in the air is proportional to the square root of the height.
    const length = Math.sqrt(h) / total;
    const pair = [
      { share: start, dx: 0, dy: 0, ease: RISE },
      { share: start + length / 2, dx: 0, dy: -h, ease: FALL },
    ];
    start += length;
    return pair;
  });
  return swing(document, { id, from, to }, [...steps, { share: 1, dx: 0, dy: 0 }], "linear");
}

/**
 * Full turns on an ellipse, beginning at its left, on a smooth path (which the whole object then has). Eight keyframes
 * a turn.
 * @param {Document} document
 * @param {Place & {radius: number, radiusY?: number, turns?: number, clockwise?: boolean}} args radius as a fraction of
 *   the frame's width; radiusY of its height, a circle in pixels if left out; 1 to 16 turns
 * @returns {Document}
 */
export function orbit(document, { id, from, to, radius, radiusY, turns = 1, clockwise = true }) {
  number(radius, "radius", 0, 4, "fraction of the frame's width", true);
  const down = radiusY ?? (radius * document.size[0]) / document.size[1];
  number(down, "radiusY", 0, 512, "fraction of the frame's height");
  const count = 8 * whole(turns, "turns", 1, 16, "how often");
  const steps = Array.from({ length: count + 1 }, (_, n) => {
    const angle = ((n % 8) * Math.PI) / 4;
    return {
      share: n / count,
      dx: radius * (1 - Math.cos(angle)),
      dy: (clockwise ? -1 : 1) * down * Math.sin(angle),
    };
  });
  return swing(document, { id, from, to }, steps, "smooth");
}

/**
 * A tremble: steps aside in varying directions, the same for the same arguments, on a linear path (which the whole object
 * then has).
 * @param {Document} document
 * @param {Place & {amount: number, times: number}} args amount as a fraction of the frame's width, 1 to 256 times
 * @returns {Document}
 */
export function shake(document, { id, from, to, amount, times }) {
  number(amount, "amount", 0, 4, "fraction of the frame's width", true);
  whole(times, "times", 1, 256, "how often");
  const down = (amount * document.size[0]) / document.size[1];
  const steps = Array.from({ length: times + 2 }, (_, n) => {
    // The golden angle: no two directions alike, none near the one before.
    const angle = n * Math.PI * (3 - Math.sqrt(5));
    const size = n === 0 || n === times + 1 ? 0 : 1;
    return { share: n / (times + 1), dx: size * amount * Math.cos(angle), dy: size * down * Math.sin(angle) };
  });
  return swing(document, { id, from, to }, steps, "linear");
}

/**
 * @param {Document} document
 * @param {Place} place
 * @param {readonly Step[]} steps the first at share 0 and the last at 1, both without an offset
 * @param {Path} path
 * @returns {Document}
 */
function swing(document, { id, from, to }, steps, path) {
  checkFrame(document, from, "from");
  checkFrame(document, to, "to");
  const span = to - from;
  const frames = steps.map(({ share }) => from + Math.round(share * span));
  if (frames.some((frame, index) => index > 0 && frame <= frames[index - 1])) {
    fail("to", to, `give a later frame, ${steps.length} keyframes do not fit between it and ${from}`);
  }
  return changeObjects(document, [id], (object) => {
    const cut = cutAt(cutAt(object, from), to);
    const [start, end] = [boxAt(cut, from), boxAt(cut, to)];
    const swung = steps.slice(0, -1).map(({ dx, dy, ease = "linear" }, index) => {
      const u = (frames[index] - from) / span;
      const box = {
        x: start.x + (end.x - start.x) * u + dx,
        y: start.y + (end.y - start.y) * u + dy,
        w: start.w + (end.w - start.w) * u,
        h: start.h + (end.h - start.h) * u,
      };
      return { frame: frames[index], ...checkBox(box, id), ease };
    });
    const before = cut.keyframes.filter(({ frame }) => frame < from);
    const after = cut.keyframes.filter(({ frame }) => frame >= to);
    return { ...withKeyframes(object, [...before, ...swung, ...after]), path };
  });
}
