import assert from "node:assert/strict";
import { test } from "node:test";

import { replaceRange } from "../../../web/editor/edit/bake.js";
import { applyCamera } from "../../../web/editor/edit/camera.js";
import { parse, stringify } from "../../../web/editor/model/document.js";
import { easedShare } from "../../../web/editor/model/easing.js";
import { arc, bounce, orbit, shake } from "../../../web/editor/edit/presets.js";
import { recordMotion, resampleRecording } from "../../../web/editor/edit/record.js";
import { boxAt } from "../../../web/editor/model/sample.js";
import { assertNear, example, framesOf, object } from "./helpers.js";

/** @typedef {import("../../../web/editor/model/types.js").Document} Document */

/** Centre and size on a frame, in pixels. @param {Document} document @param {string} id @param {number} frame */
function pixels(document, id, frame) {
  const { x, y, w, h } = boxAt(object(document, id), frame);
  return [x * document.size[0], y * document.size[1], w * document.size[0], h * document.size[1]];
}

/** @param {Document} document */
const assertValid = (document) => assert.equal(parse(stringify(document)).problem, undefined);

// Camera

test("the camera moves and scales every object, and what comes after stays transformed", () => {
  const document = example();
  const camera = {
    pan: { x: 0.1, y: -0.2 },
    zoom: 1.5,
    from: 10,
    to: 30,
    ease: /** @type {const} */ ("in-out"),
    tolerance: 0.5,
  };
  const moved = applyCamera(document, camera);
  assertValid(moved);
  for (const { id } of document.objects) {
    for (let f = 0; f < document.frames; f += 1) {
      const p = f <= 10 ? 0 : f >= 30 ? 1 : easedShare("in-out", (f - 10) / 20);
      const { x, y, w, h } = boxAt(object(document, id), f);
      const seen = [
        x + p * ((x - 0.6) * 1.5 + 0.5 - x),
        y + p * ((y - 0.3) * 1.5 + 0.5 - y),
        w * (1 + p / 2),
        h * (1 + p / 2),
      ];
      assertNear(
        pixels(moved, id, f),
        seen.map((value, i) => value * document.size[i % 2]),
        0.5 + 1e-5,
      );
    }
  }
  assert.deepEqual(framesOf(moved, "rock"), [10, 30]);
  assert.equal(object(moved, "rock").keyframes[0].ease, "in-out");
  assert.deepEqual([object(moved, "curve").path, object(moved, "walk").path], ["linear", "linear"]);
});

test("an object at rest anywhere in time gets two keyframes at the camera's ends", () => {
  const moved = applyCamera(example(), { pan: { x: 0.2, y: 0 }, zoom: 1, from: 20, to: 25 });
  assert.deepEqual(framesOf(moved, "rock"), [10, 20, 25]);
  assertNear([boxAt(object(moved, "rock"), 22.5).x, boxAt(object(moved, "rock"), 40).x], [0.4, 0.3], 1e-12);
});

test("of a camera move for some objects the others keep everything", () => {
  const document = example();
  const camera = { pan: { x: 0.2, y: 0 }, zoom: 1.5, from: 10, to: 30 };
  const [all, some] = [applyCamera(document, camera), applyCamera(document, { ...camera, ids: ["rock"] })];
  assertValid(some);
  for (const { id } of document.objects) assert.equal(object(some, id) === object(document, id), id !== "rock");
  assert.deepEqual(object(some, "rock"), object(all, "rock"));
});

test("a camera move that has no time or leaves the limits is refused", () => {
  const args = { pan: { x: 0, y: 0 }, zoom: 2, from: 5, to: 30 };
  assert.throws(() => applyCamera(example(), { ...args, to: 5 }), /to is 5: give a frame after the camera's first, 5/);
  assert.throws(() => applyCamera(example(), { ...args, zoom: 0 }), /zoom is 0: give a finite number above 0/);
  assert.throws(() => applyCamera(example(), { ...args, zoom: 100 }), /[xywh] of "walk" is .*: give a finite number/);
  assert.throws(() => applyCamera(example(), { ...args, tolerance: -1 }), /tolerance is -1/);
});

// Presets

test("presets travel between the boxes at their ends and leave the rest alone", () => {
  const place = { id: "walk", from: 10, to: 32 };
  const document = example();
  for (const swung of [
    bounce(document, { ...place, height: 0.3, bounces: 3 }),
    shake(document, { ...place, amount: 0.02, times: 12 }),
  ]) {
    assertValid(swung);
    for (const f of [0, 2, 5, 8, 9, 10, 32, 34, 36, 40]) {
      assertNear(pixels(swung, "walk", f), pixels(document, "walk", f), 1e-6);
    }
    assert.notEqual(pixels(swung, "walk", 12)[1], pixels(document, "walk", 12)[1]);
    assert.equal(object(swung, "walk").path, "linear");
  }
});

test("an arc is a parabola in five keyframes", () => {
  const swung = arc(example(), { id: "rock", from: 0, to: 40, height: 0.4 });
  assert.deepEqual([framesOf(swung, "rock"), object(swung, "rock").path], [[0, 10, 20, 30, 40], "smooth"]);
  for (let f = 0; f <= 40; f += 1) {
    const share = f / 40;
    assertNear([boxAt(object(swung, "rock"), f).y], [0.5 - 0.4 * 4 * share * (1 - share)], 0.03);
  }
});

test("a bounce falls as gravity does, each time lower", () => {
  const swung = bounce(example(), { id: "rock", from: 0, to: 40, height: 0.4, bounces: 2, decay: 0.25 });
  // Heights 0.4 and 0.1, times as their roots: 2 to 1.
  assert.deepEqual(
    framesOf(swung, "rock").map((f) => Math.round(f)),
    [0, 13, 27, 33, 40],
  );
  assertNear(
    object(swung, "rock").keyframes.map(({ y }) => y),
    [0.5, 0.1, 0.5, 0.4, 0.5],
    1e-12,
  );
  assertNear([boxAt(object(swung, "rock"), 20).y], [0.1 + 0.4 * 0.25], 1e-9);
});

test("an orbit keeps its distance from its middle, in pixels", () => {
  for (const clockwise of [true, false]) {
    const swung = orbit(example(), { id: "rock", from: 0, to: 40, radius: 0.1, turns: 1, clockwise });
    assert.equal(framesOf(swung, "rock").length, 9);
    for (let f = 0; f <= 40; f += 1) {
      const [x, y] = pixels(swung, "rock", f);
      assertNear([Math.hypot(x - 600, y - 250)], [100], 4);
    }
    assert.equal(pixels(swung, "rock", 10)[1] < 250, clockwise);
    assertNear(pixels(swung, "rock", 40), pixels(example(), "rock", 0), 1e-6);
  }
});

test("a shake is always the same, and as strong as it says", () => {
  const args = { id: "rock", from: 0, to: 40, amount: 0.02, times: 15 };
  const swung = shake(example(), args);
  assert.deepEqual(shake(example(), args), swung);
  for (const frame of framesOf(swung, "rock").slice(1, -1)) {
    const [x, y] = pixels(swung, "rock", frame);
    assertNear([Math.hypot(x - 500, y - 250)], [20], 1e-9);
  }
});

test("presets that need more frames, or leave the limits, are refused", () => {
  const place = { id: "rock", from: 10, to: 13 };
  assert.throws(
    () => arc(example(), { ...place, height: 0.1 }),
    /to is 13: give a later frame, 5 keyframes do not fit between it and 10/,
  );
  assert.throws(() => orbit(example(), { ...place, to: 40, radius: 0.1, turns: 4 }), /33 keyframes do not fit/);
  assert.throws(() => bounce(example(), { ...place, to: 5, height: 0.1, bounces: 1 }), /give a later frame/);
  assert.throws(
    () => orbit(example(), { ...place, to: 40, radius: 4 }),
    /[xy] of "rock" is .*: give a finite number from -4 to 5/,
  );
});

// Recording

test("the pointer's place is interpolated at each frame", () => {
  const samples = [
    { time: 0, x: 0, y: 1 },
    { time: 100, x: 1, y: 1 },
    { time: 100, x: 2, y: 1 },
    { time: 300, x: 2, y: 0 },
  ];
  const places = resampleRecording(samples, { fps: 20, first: 3, frames: 99 });
  assert.equal(places.length, 7);
  assertNear(
    places.map(({ x }) => x),
    [0, 0.5, 1, 2, 2, 2, 2],
    1e-12,
  );
  assertNear(
    places.map(({ y }) => y),
    [1, 1, 1, 0.75, 0.5, 0.25, 0],
    1e-12,
  );
  assert.equal(resampleRecording(samples, { fps: 20, first: 3, frames: 5 }).length, 2);
  assert.equal(resampleRecording([{ time: 0, x: 0, y: 0 }], { fps: 20, first: 3, frames: 5 }).length, 1);
});

test("the hand becomes the motion, within the tolerance, and its speed the timing", () => {
  const document = example();
  // At 24 fps: 20 frames, slow at first, with samples between the frames.
  const samples = Array.from({ length: 101 }, (_, n) => ({
    time: n * (20000 / 24 / 100),
    x: 0.1 + 0.5 * (n / 100) ** 2,
    y: 0.4,
  }));
  const recorded = recordMotion(document, { id: "rock", first: 5, samples, tolerance: 3 });
  assertValid(recorded);
  assert.ok(framesOf(recorded, "rock").length <= 9);
  for (let f = 5; f <= 25; f += 1) {
    assertNear(pixels(recorded, "rock", f), [100 + 500 * ((f - 5) / 20) ** 2, 200, 125, 100], 3.1);
  }
});

test("a recording keeps the object's size and what it does elsewhere", () => {
  const samples = [
    { time: 0, x: 0.5, y: 0.5 },
    { time: 250, x: 0.6, y: 0.1 },
  ];
  for (const id of ["walk", "curve"]) {
    const recorded = recordMotion(example(), { id, first: 16, samples, tolerance: 0.5 });
    assertValid(recorded);
    assert.equal(object(recorded, id).path, "linear");
    for (let f = 0; f <= 40; f += 1) {
      if (f > 22 && f < (id === "walk" ? 28 : 40)) continue; // on the way back
      const [x, y, w, h] = pixels(example(), id, f);
      const share = (f - 16) / 6;
      const wanted = f < 16 || f > 22 ? [x, y] : [500 + 100 * share, 250 - 200 * share];
      if (f !== 15) assertNear(pixels(recorded, id, f), [...wanted, w, h], 0.5 + 1e-6);
    }
  }
});

test("a recording that is none is refused", () => {
  /** @param {{time: number, x: number, y: number}[]} samples */
  const record = (samples) => () => recordMotion(example(), { id: "rock", first: 0, samples });
  assert.throws(record([]), /samples is a list of 0 items: record at least one/);
  assert.throws(
    record([
      { time: 5, x: 0, y: 0 },
      { time: 4, x: 0, y: 0 },
    ]),
    /samples\[1\]\.time is 4: give a finite number from 5/,
  );
  assert.throws(record([{ time: 0, x: NaN, y: 0 }]), /samples\[0\]\.x is nan/);
  assert.equal(boxAt(object(record([{ time: 0, x: 99, y: 0 }])(), "rock"), 0).x, 5);
});

test("baked boxes outside the limits are refused", () => {
  const args = { first: 0, boxes: [{ x: 9, y: 0, w: 1, h: 1 }], size: /** @type {const} */ ([64, 64]), tolerance: 1 };
  assert.throws(
    () => replaceRange(object(example(), "rock"), args),
    /x of "rock" is 9: give a finite number from -4 to 5/,
  );
});
