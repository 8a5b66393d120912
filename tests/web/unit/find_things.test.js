import assert from "node:assert/strict";
import { test } from "node:test";

import { findThings } from "../../../web/editor/model/find_things.js";
import { finished, readerOf } from "./pictures.js";

/** @import { Thing } from "../../../web/editor/model/find_things.js" */
/** @typedef {(x: number, y: number) => boolean} Inside */

/** @type {Record<string, readonly [number, number, number]>} */
const COLORS = { sky: [120, 170, 230], grass: [60, 130, 50], red: [200, 40, 40], dark: [60, 20, 20], white: [240, 240, 235] };

/** @param {number} cx @param {number} cy @param {number} r @returns {Inside} */
const disc = (cx, cy, r) => (x, y) => (x + 0.5 - cx) ** 2 + (y + 0.5 - cy) ** 2 < r * r;

/** What stands out most at a place. @param {ReturnType<typeof readerOf>} read @param {number} x @param {number} y */
function found(read, x, y) {
  const things = finished(findThings(read, { x, y }));
  return { ...things, thing: finished(things.outline(things.best)) };
}

/** Intersection over union of a thing and the truth, in pixels. @param {Thing} thing @param {number} width @param {number} height @param {Inside} inside */
function agreement({ box, mask }, width, height, inside) {
  let [both, either] = [0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const column = Math.floor((((x + 0.5) / width - box.x) / box.w) * mask.width);
      const row = Math.floor((((y + 0.5) / height - box.y) / box.h) * mask.height);
      const isIn = column >= 0 && row >= 0 && column < mask.width && row < mask.height && mask.inside[row * mask.width + column] === 1;
      if (isIn && inside(x, y)) both += 1;
      if (isIn || inside(x, y)) either += 1;
    }
  }
  return both / either;
}

/** Sky over grass, with a red ball that has a dark spot. */
const [W, H] = [480, 320];
const [ball, spot] = [disc(180, 190, 60), disc(170, 175, 14)];
const scene = readerOf(W, H, (x, y) => (spot(x, y) ? COLORS.dark : ball(x, y) ? COLORS.red : y < 120 ? COLORS.sky : COLORS.grass));

const onBall = found(scene, 200 / W, 215 / H);

test("a click on a ball finds the ball, and another one something else", () => {
  const { thing, count, best, outline } = onBall;
  assert.ok(agreement(thing, W, H, ball) > 0.95, `${agreement(thing, W, H, ball)}`);
  // Its spot is a part of it, and it is a part of something.
  assert.ok(count > best + 1);
  const larger = finished(outline(best + 1));
  assert.ok(larger.box.w * larger.box.h > thing.box.w * thing.box.h * 1.5);
  // Where a part of it was clicked, the ball still stands out; the part is the one before.
  const inner = found(scene, 170 / W, 175 / H);
  assert.ok(agreement(inner.thing, W, H, ball) > 0.95);
  const part = finished(inner.outline(inner.best - 1));
  assert.ok(agreement(part, W, H, spot) > 0.8, `${agreement(part, W, H, spot)}`);
});

test("a click on the sky takes the sky, to the picture's borders", () => {
  const { thing } = found(scene, 0.7, 0.1);
  assert.ok(agreement(thing, W, H, (_x, y) => y < 120) > 0.97);
  assert.deepEqual([thing.box.x, thing.box.y, thing.box.w], [0, 0, 1]);
});

test("the mask fills its box, so that the box is tight", () => {
  const { thing: { mask } } = onBall;
  const { width, height, inside } = mask;
  const any = (/** @type {(i: number) => boolean} */ where) => inside.some((value, i) => value && where(i));
  assert.ok(any((i) => i < width) && any((i) => i >= width * (height - 1)));
  assert.ok(any((i) => i % width === 0) && any((i) => i % width === width - 1));
  assert.ok(width <= 512 && height <= 512);
});

test("a thing of three pixels is found in a picture of 4096 pixels", () => {
  const [wide, high] = [4096, 2304];
  /** @type {Inside} */
  const three = (x, y) => (y === 700 && (x === 1500 || x === 1501)) || (x === 1500 && y === 701);
  const read = readerOf(wide, high, (x, y) => (three(x, y) ? COLORS.white : y < 1800 ? COLORS.sky : COLORS.grass));
  const { thing, count, outline } = found(read, 1500.5 / wide, 700.5 / high);
  assert.ok(thing.box.w * wide < 5 && thing.box.h * high < 5, `${thing.box.w * wide} x ${thing.box.h * high}`);
  assert.ok(Math.abs(thing.box.x * wide - 1500) < 2 && Math.abs(thing.box.y * high - 700) < 2);
  // The largest thing there is the sky.
  assert.ok(finished(outline(count - 1)).box.w > 0.9);
});

test("a picture of one colour is one thing", () => {
  const { thing, count } = found(readerOf(64, 48, () => COLORS.sky), 0.5, 0.5);
  assert.equal(count, 1);
  assert.deepEqual(thing.box, { x: 0, y: 0, w: 1, h: 1 });
});

test("the smallest pictures and clicks at the very edge are no trouble", () => {
  for (const [w, h] of [[1, 1], [2, 1], [3, 5], [1, 40]]) {
    const read = readerOf(w, h, (x, y) => ((x + y) % 2 ? COLORS.red : COLORS.sky));
    for (const [x, y] of [[0, 0], [0.999, 0.999]]) {
      const { thing } = found(read, x, y);
      assert.ok(thing.mask.inside.includes(1) && thing.box.w > 0 && thing.box.h > 0);
    }
  }
});

test("no step of a search is long", () => {
  let longest = 0;
  const work = findThings(scene, { x: 0.4, y: 0.6 });
  for (let step, began = performance.now(); !step?.done; ) {
    step = work.next();
    longest = Math.max(longest, performance.now() - began);
    began = performance.now();
  }
  // Reading the synthetic picture takes most of it. Not a speed: only a step that does all the work takes this long.
  assert.ok(longest < 2_000, `${longest} ms`);
});
