import assert from "node:assert/strict";
import { test } from "node:test";

import { createFollower } from "../../../web/editor/tracking/follow.js";
import { flow } from "../../../web/editor/tracking/flow.js";
import { grayOf, pyramidOf, valueAt } from "../../../web/editor/tracking/gray.js";
import { randomOf } from "./helpers.js";

/** @typedef {import("../../../web/editor/tracking/patch.js").Area} Area */
/** @typedef {(x: number, y: number) => number} Surface */

const [WIDTH, HEIGHT] = [256, 144];

/** A surface with spots of a few sizes, 0 to 255, at any place. @param {number} seed @returns {Surface} */
function surface(seed) {
  const random = randomOf(seed);
  const grids = [4, 9, 21].map((cell) => ({ cell, values: Array.from({ length: 64 * 64 }, random) }));
  return (x, y) => {
    let sum = 0;
    for (const { cell, values } of grids) {
      const [u, v] = [x / cell + 900, y / cell + 900];
      const [i, j] = [Math.floor(u), Math.floor(v)];
      /** @param {number} a @param {number} b */
      const at = (a, b) => values[(b % 64) * 64 + (a % 64)];
      const [s, t] = [u - i, v - j];
      sum += (at(i, j) * (1 - s) + at(i + 1, j) * s) * (1 - t) + (at(i, j + 1) * (1 - s) + at(i + 1, j + 1) * s) * t;
    }
    return sum * 85;
  };
}

const [THING, BAR] = [surface(2), surface(3)];
/** The ground is the same in each picture. */
const GROUND = Float64Array.from({ length: WIDTH * HEIGHT }, ((at) => (_, i) => at((i % WIDTH) + 0.5, Math.floor(i / WIDTH) + 0.5))(surface(1)));

/**
 * A picture: the thing (an ellipse in its box) on the ground, and perhaps a bar in front.
 * @param {Area} box
 * @param {{bar?: number, light?: number, turn?: number, noise?: () => number}} [more] bar: its left side; light: a factor
 */
function picture(box, { bar, light = 1, turn = 0, noise = () => 0.5 } = {}) {
  const data = new Float32Array(WIDTH * HEIGHT);
  const [cos, sin] = [Math.cos(turn), Math.sin(turn)];
  for (let i = 0; i < data.length; i += 1) {
    const [x, y] = [(i % WIDTH) + 0.5, Math.floor(i / WIDTH) + 0.5];
    const [u, v] = [(x - box.x) / box.w, (y - box.y) / box.h];
    const inside = u * u + v * v < 0.25;
    const ground = inside ? THING((u * cos - v * sin) * 60, (u * sin + v * cos) * 60) : GROUND[i];
    data[i] = (bar !== undefined && x > bar && x < bar + 50 ? BAR(x - bar, y) : ground) * light + (noise() - 0.5) * 12;
  }
  return pyramidOf({ width: WIDTH, height: HEIGHT, data });
}

/** @param {Area} a @param {Area} b */
function overlap(a, b) {
  const across = Math.min(a.x + a.w / 2, b.x + b.w / 2) - Math.max(a.x - a.w / 2, b.x - b.w / 2);
  const down = Math.min(a.y + a.h / 2, b.y + b.h / 2) - Math.max(a.y - a.h / 2, b.y - b.h / 2);
  const both = Math.max(across, 0) * Math.max(down, 0);
  return both / (a.w * a.h + b.w * b.h - both);
}

/**
 * Follow the thing through pictures.
 * @param {number} count
 * @param {(step: number) => Area} boxAt
 * @param {(step: number) => Parameters<typeof picture>[1]} [more]
 */
function followed(count, boxAt, more = () => ({})) {
  const follower = createFollower(picture(boxAt(0), more(0)), boxAt(0));
  assert.ok(follower);
  return Array.from({ length: count }, (_, n) => {
    const { area, score } = follower.step(picture(boxAt(n + 1), more(n + 1)));
    return { area, score, overlap: area ? overlap(area, boxAt(n + 1)) : 0 };
  });
}

test("grey pictures: luma, halves, and values between pixels and beyond the border", () => {
  const gray = grayOf([255, 255, 255, 255, 0, 0, 0, 255, 255, 0, 0, 255, 0, 0, 255, 255], 2, 2);
  assert.deepEqual([...gray.data].map(Math.round), [255, 0, 76, 29]);
  assert.ok(Math.abs(valueAt(gray, 1, 0.5) - 127.5) < 1e-4);
  assert.equal(valueAt(gray, -5, 0.2), valueAt(gray, 0.5, 0.5));
  assert.equal(valueAt(gray, 9, 9), valueAt(gray, 1.5, 1.5));
  const levels = pyramidOf({ width: 101, height: 97, data: new Float32Array(101 * 97).fill(7) });
  assert.deepEqual(levels.map(({ width, height }) => [width, height]), [[101, 97], [50, 48], [25, 24]]);
  assert.ok(levels.every(({ data }) => data.every((value) => value === 7)));
});

test("the flow of points is exact to a tenth of a pixel, and says nothing of plain places", () => {
  const box = { x: 100, y: 70, w: 60, h: 50 };
  const places = [{ x: 90, y: 65 }, { x: 100, y: 75 }, { x: 110, y: 70 }];
  const moved = flow(picture(box), picture({ ...box, x: 107.3, y: 66.6 }), places);
  assert.equal(moved.length, 3);
  for (const { from, to, error } of moved) {
    assert.ok(Math.abs(to.x - from.x - 7.3) < 0.1 && Math.abs(to.y - from.y + 3.4) < 0.1, JSON.stringify(to));
    assert.ok(error < 0.1);
  }
  const plain = pyramidOf({ width: 99, height: 99, data: new Float32Array(99 * 99).fill(40) });
  assert.deepEqual(flow(plain, plain, [{ x: 50, y: 50 }]), []);
});

test("a thing that moves, grows, and is lit differently is followed closely", () => {
  const found = followed(40, (n) => ({ x: 70 + 2.7 * n, y: 70 + 20 * Math.sin(n / 8), w: 44 * 1.015 ** n, h: 36 * 1.015 ** n }),
    (n) => ({ light: 1 - n / 100, noise: randomOf(n + 5) }));
  assert.ok(found.every((seen) => seen.overlap > 0.85), JSON.stringify(found.map((seen) => seen.overlap.toFixed(2))));
});

test("over 150 pictures nothing drifts: the box is where it began when the thing is back", () => {
  const found = followed(150, (n) => ({ x: 128 + 50 * Math.sin(n / 9), y: 72 + 20 * Math.cos(n / 13), w: 40 + 6 * Math.sin(n / 17), h: 40 + 6 * Math.sin(n / 17) }),
    (n) => ({ noise: randomOf(n + 5) }));
  assert.ok(found.every((seen) => seen.overlap > 0.85), JSON.stringify(found.map((seen) => seen.overlap.toFixed(2))));
});

test("a thing that turns by half is followed on, with looks that are learnt on the way", () => {
  const found = followed(60, (n) => ({ x: 80 + n, y: 72, w: 50, h: 50 }), (n) => ({ turn: (Math.PI * n) / 60 }));
  assert.ok(found.every((seen) => seen.overlap > 0.65), JSON.stringify(found.map((seen) => seen.overlap.toFixed(2))));
});

test("behind a bar it is out of sight, not on the bar, and it is found again behind it", () => {
  const box = { x: 60, y: 72, w: 40, h: 40 };
  const found = followed(60, (n) => ({ ...box, x: 40 + 3 * n }), () => ({ bar: 110 }));
  const hidden = found.map(({ area }) => !area);
  const fully = found.flatMap((_, n) => (40 + 3 * (n + 1) - 20 > 108 && 40 + 3 * (n + 1) + 20 < 162 ? [n] : []));
  assert.ok(fully.length > 2 && fully.every((n) => hidden[n]), JSON.stringify(hidden));
  assert.ok(hidden.slice(-10).every((away) => !away), JSON.stringify(hidden));
  for (const seen of found) if (seen.area) assert.ok(seen.overlap > 0.6, JSON.stringify(found.map((one) => one.overlap.toFixed(2))));
});

test("what leaves the picture is lost, and nothing else is taken for it", () => {
  const found = followed(50, (n) => ({ x: 180 + 3 * n, y: 72, w: 40, h: 40 }));
  assert.ok(found.slice(0, 18).every((seen) => seen.overlap > 0.7), JSON.stringify(found.map((seen) => seen.overlap.toFixed(2))));
  assert.ok(found.slice(35).every(({ area }) => !area));
});

test("a cut to another scene loses it at that picture", () => {
  const box = { x: 100, y: 70, w: 50, h: 40 };
  const first = picture(box);
  const follower = createFollower(first, box);
  assert.ok(follower?.step(first).area);
  const other = pyramidOf({ width: WIDTH, height: HEIGHT, data: Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => BAR(i % WIDTH, Math.floor(i / WIDTH))) });
  for (let n = 0; n < 5; n += 1) assert.equal(follower?.step(other).area, undefined);
});

test("a plain disc on a plain ground is followed by its outline, and so is one that grows", () => {
  /** @param {number} n @returns {Area} */
  const boxAt = (n) => ({ x: 60 + 3 * n, y: 60 + n, w: 40 * 1.01 ** n, h: 40 * 1.01 ** n });
  /** @param {number} n */
  const disc = (n) => {
    const { x, y, w } = boxAt(n);
    return pyramidOf({ width: WIDTH, height: HEIGHT, data: Float32Array.from({ length: WIDTH * HEIGHT }, (_, i) => {
      const off = Math.hypot((i % WIDTH) + 0.5 - x, Math.floor(i / WIDTH) + 0.5 - y) - w / 2 + 2;
      return 60 + 140 * Math.min(Math.max(0.5 - off, 0), 1);
    }) });
  };
  const follower = createFollower(disc(0), boxAt(0));
  for (let n = 1; n < 30; n += 1) {
    const area = follower?.step(disc(n)).area;
    assert.ok(area && overlap(area, boxAt(n)) > 0.85, `${n}: ${JSON.stringify(area)}`);
  }
});

test("a plain box, or one outside, is refused", () => {
  const plain = pyramidOf({ width: 99, height: 99, data: new Float32Array(99 * 99).fill(40) });
  assert.equal(createFollower(plain, { x: 50, y: 50, w: 30, h: 30 }), undefined);
  assert.equal(createFollower(picture({ x: 100, y: 70, w: 50, h: 40 }), { x: -80, y: 70, w: 40, h: 40 }), undefined);
});
