import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { setPace } from "../../../web/editor/edit/pace.js";
import { addDrawn, drawPath, placesAlong, spanOf } from "../../../web/editor/edit/pen.js";
import { addKeyframe, addObject, setBox } from "../../../web/editor/edit/operations.js";
import { idleReason, moves } from "../../../web/editor/edit/speed.js";
import { emptyDocument, parse, stringify } from "../../../web/editor/model/document.js";
import { easedShare, partOfEase, timeOfShare } from "../../../web/editor/model/easing.js";
import { boxAt } from "../../../web/editor/model/sample.js";
import { createTaps } from "../../../web/editor/stage/taps.js";

/** @typedef {import("../../../web/editor/model/types.js").Document} Document */

const SIZE = /** @type {const} */ ([1280, 704]);
const BOX = { x: 0.2, y: 0.5, w: 0.1, h: 0.2 };
const at = (/** @type {Document} */ document, /** @type {number} */ frame) => boxAt(document.objects[0], frame);
const frames = (/** @type {Document} */ document) => document.objects[0].keyframes.map(({ frame }) => frame);
/** An S, drawn slowly at first and then fast, as many points as a hand leaves. */
const S = Array.from({ length: 90 }, (_, n) => {
  const t = (n / 89) ** 2;
  return { x: 0.2 + 0.6 * t, y: 0.5 + 0.3 * Math.sin(2 * Math.PI * t) };
});
const stroked = drawPath(addObject(emptyDocument(SIZE, 121), { box: BOX, frame: 0 }), { id: "o1", points: S, first: 0, last: 120 });

/** How far the centre goes from one frame to the next, in pixels. @param {Document} document */
function steps(document) {
  return Array.from({ length: document.frames - 1 }, (_, f) => {
    const [a, b] = [at(document, f), at(document, f + 1)];
    return Math.hypot((b.x - a.x) * SIZE[0], (b.y - a.y) * SIZE[1]);
  });
}

test("a stroke becomes a smooth path of few keyframes, evenly in time, close to the ink, with the box's size", () => {
  const [object] = stroked.objects;
  assert.equal(object.path, "smooth");
  assert.ok(object.keyframes.length >= 4 && object.keyframes.length <= 12, `${object.keyframes.length} keyframes`);
  const ink = placesAlong(S, 4000, SIZE);
  for (let frame = 0; frame <= 120; frame += 1) {
    const box = at(stroked, frame);
    const off = Math.min(...ink.map(({ x, y }) => Math.hypot((box.x - x) * SIZE[0], (box.y - y) * SIZE[1])));
    assert.ok(off <= 4.2, `frame ${frame}: ${off}`);
    assert.deepEqual([box.w, box.h], [BOX.w, BOX.h]);
  }
  const moved = steps(stroked);
  const mean = moved.reduce((sum, step) => sum + step, 0) / moved.length;
  // The hand was a hundred times faster at the end than at the beginning.
  assert.ok(moved.every((step) => step > mean / 2 && step < mean * 2));
  assert.equal(parse(stringify(stroked)).problem, undefined);
});

test("places lie at equal distances, whatever the points", () => {
  assert.deepEqual(placesAlong([{ x: 0, y: 0 }, { x: 0, y: 0 }, { x: 1, y: 0 }], 3, [100, 50]), [{ x: 0, y: 0 }, { x: 0.5, y: 0 }, { x: 1, y: 0 }]);
  assert.deepEqual(placesAlong([{ x: 0.5, y: 0.5 }, { x: 0.5, y: 0.5 }], 2, [100, 50]), [{ x: 0.5, y: 0.5 }, { x: 0.5, y: 0.5 }]);
  const point = fc.record({ x: fc.double({ min: -1, max: 2, noNaN: true }), y: fc.double({ min: -1, max: 2, noNaN: true }) });
  fc.assert(fc.property(fc.array(point, { minLength: 2, maxLength: 30 }), fc.integer({ min: 2, max: 60 }), (points, count) => {
    const places = placesAlong(points, count, SIZE);
    assert.equal(places.length, count);
    assert.ok(places[0].x === points[0].x && places[count - 1].y === points[points.length - 1].y);
    assert.ok(places.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
    const drawn = addDrawn(emptyDocument(SIZE, count), { points });
    assert.equal(parse(stringify(drawn)).problem, undefined);
  }), { numRuns: 100 });
});

test("a stroke fills the selected keyframes' span, else the object's own, else the clip", () => {
  const rest = addObject(emptyDocument(SIZE, 121), { box: BOX, frame: 30 });
  assert.deepEqual(spanOf(rest, "o1", []), [30, 120]);
  assert.deepEqual(spanOf(addObject(emptyDocument(SIZE, 121), { box: BOX, frame: 120 }), "o1", []), [0, 120]);
  const walk = setBox(setBox(rest, { id: "o1", frame: 60, box: { ...BOX, x: 0.5 } }), { id: "o1", frame: 90, box: { ...BOX, x: 0.7 } });
  assert.deepEqual(spanOf(walk, "o1", []), [30, 90]);
  const keys = [{ id: "o1", frame: 60 }, { id: "o1", frame: 90 }, { id: "o2", frame: 0 }];
  assert.deepEqual(spanOf(walk, "o1", keys), [60, 90]);
  assert.deepEqual(spanOf(walk, "o1", keys.slice(1)), [30, 90]);
  // Over a part of the path, the rest stays.
  const part = drawPath(walk, { id: "o1", points: [{ x: 0.5, y: 0.5 }, { x: 0.6, y: 0.8 }, { x: 0.7, y: 0.5 }], first: 60, last: 90 });
  assert.deepEqual([at(part, 30), at(part, 45)], [at(walk, 30), at(walk, 45)]);
  assert.ok(at(part, 75).y > 0.75);
  assert.throws(() => drawPath(addObject(emptyDocument(SIZE, 1), { box: BOX, frame: 0 }), { id: "o1", points: S, first: 0, last: 0 }), /last is 0: give a frame/);
});

test("a new object starts where the stroke starts", () => {
  const drawn = addDrawn(emptyDocument(SIZE, 33), { points: S, label: "dog" });
  assert.deepEqual([drawn.objects[0].label, at(drawn, 0).x, at(drawn, 0).y], ["dog", S[0].x, S[0].y]);
  assert.deepEqual([frames(drawn)[0], frames(drawn).at(-1)], [0, 32]);
});

test("a speed curve times the whole path: the way gone follows it, the places stay", () => {
  const curve = /** @type {const} */ ([0.42, 0, 1, 1]);
  const slow = setPace(stroked, { id: "o1", curve });
  const places = (/** @type {Document} */ document) => document.objects[0].keyframes.map(({ x, y, w, h }) => [x, y, w, h]);
  assert.deepEqual(places(slow), places(stroked));
  assert.deepEqual([frames(slow)[0], frames(slow).at(-1)], [0, 120]);
  const moved = steps(slow);
  const way = moved.reduce((sum, step) => sum + step, 0);
  let gone = 0;
  moved.forEach((step, frame) => {
    gone += step;
    assert.ok(Math.abs(gone / way - easedShare([...curve], (frame + 1) / 120)) < 0.03, `frame ${frame + 1}: ${gone / way}`);
  });
  // It depends on the places alone, so another curve takes its place, and an even speed comes back.
  const even = setPace(slow, { id: "o1", curve: [0.25, 0.25, 0.75, 0.75] });
  assert.ok(even.objects[0].keyframes.every(({ ease }) => ease === "linear"));
  frames(even).forEach((frame, index) => assert.ok(Math.abs(frame - frames(stroked)[index]) <= 3));
  assert.equal(setPace(even, { id: "o1", curve: [0, 0, 1, 1] }), even);
});

test("pauses and jumps keep their length under a speed curve, and a stretch leaves the rest alone", () => {
  let document = addObject(emptyDocument(SIZE, 121), { box: BOX, frame: 0 });
  for (const [frame, x] of [[40, 0.4], [80, 0.5], [120, 0.9]]) document = setBox(document, { id: "o1", frame, box: { ...BOX, x } });
  document = addKeyframe(setBox(document, { id: "o1", frame: 60, box: { ...BOX, x: 0.4 } }), { ids: ["o1"], frame: 100 });
  const timed = setPace(document, { id: "o1", curve: [0.42, 0, 0.58, 1] });
  const [, stop, on] = frames(timed);
  assert.equal(on - stop, 20);
  assert.equal(at(timed, stop).x, at(timed, on).x);
  const stretch = setPace(document, { id: "o1", curve: [0.42, 0, 1, 1], first: 60, last: 120 });
  assert.deepEqual([frames(stretch).slice(0, 3), frames(stretch).at(-1)], [[0, 40, 60], 120]);
  assert.equal(at(stretch, 20).x, at(document, 20).x);
});

test("a speed curve is refused where it cannot be", () => {
  const rest = addObject(emptyDocument(SIZE, 121), { box: BOX, frame: 0 });
  assert.throws(() => setPace(rest, { id: "o1", curve: [0, 0, 1, 1] }), /keyframes is a list of 1 items: give the object two places/);
  assert.throws(() => setPace(stroked, { id: "o1", curve: [0, -0.5, 1, 1] }), /curve is -0.5: give handles/);
});

test("any path under any curve keeps its places, order and ends", () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  const stops = fc.uniqueArray(fc.integer({ min: 1, max: 39 }), { minLength: 1, maxLength: 38 });
  fc.assert(fc.property(stops, fc.infiniteStream(unit), fc.tuple(unit, unit, unit, unit), (inner, numbers, curve) => {
    let document = addObject(emptyDocument(SIZE, 41), { box: BOX, frame: 0 });
    for (const frame of [...inner, 40]) document = setBox(document, { id: "o1", frame, box: { ...BOX, x: /** @type {number} */ (numbers.next().value) } });
    if (!moves(document.objects[0])) return;
    const timed = setPace(document, { id: "o1", curve });
    assert.equal(parse(stringify(timed)).problem, undefined);
    assert.deepEqual(timed.objects[0].keyframes.map(({ x }) => x), document.objects[0].keyframes.map(({ x }) => x));
    assert.deepEqual([frames(timed)[0], frames(timed).at(-1)], [0, 40]);
  }), { numRuns: 150 });
});

test("a piece of a curve is the curve there, and its times lead back", () => {
  const unit = fc.double({ min: 0, max: 1, noNaN: true });
  fc.assert(fc.property(fc.tuple(unit, unit, unit, unit), unit, unit, (curve, a, b) => {
    const [from, to] = [Math.min(a, b) * 0.9, 0.1 + Math.max(a, b) * 0.9];
    const part = partOfEase(curve, from, to);
    const [low, high] = [easedShare(curve, from), easedShare(curve, to)];
    if (part !== "linear") {
      for (const share of [0.2, 0.5, 0.8]) {
        const whole = (easedShare(curve, from + (to - from) * share) - low) / (high - low);
        assert.ok(Math.abs(easedShare(part, share) - whole) < 1e-5);
      }
    }
    assert.ok(Math.abs(easedShare(curve, timeOfShare(curve, low)) - low) < 1e-6);
  }), { numRuns: 200 });
});

test("the speed says where it does nothing", () => {
  const rest = addObject(emptyDocument(SIZE, 121), { box: BOX, frame: 30 }).objects[0];
  assert.deepEqual([idleReason(rest, 30, 0), moves(rest)], ["single", false]);
  let document = setBox(addObject(emptyDocument(SIZE, 121), { box: BOX, frame: 30 }), { id: "o1", frame: 60, box: { ...BOX, x: 0.5 } });
  document = addKeyframe(document, { ids: ["o1"], frame: 90 });
  const [walk] = document.objects;
  assert.deepEqual([idleReason(walk, 30, 10), idleReason(walk, 30, 40), idleReason(walk, 60, 70), idleReason(walk, 90, 99), moves(walk)], [
    "before", undefined, "still", "last", true,
  ]);
});

test("two clicks on one spot are a double click, with a mouse and with a finger", () => {
  const isDouble = createTaps();
  const tap = (/** @type {number} */ time, /** @type {number} */ x, /** @type {number} */ moved = 0, reach = 8) =>
    isDouble({ time, from: { x, y: 0 }, to: { x: x + moved, y: 0 }, reach });
  assert.deepEqual([tap(0, 10), tap(300, 12), tap(500, 12)], [false, true, false]);
  assert.deepEqual([tap(2000, 10), tap(2600, 10), tap(2700, 60), tap(2800, 60, 30), tap(2900, 60)], [false, false, false, false, false]);
  assert.deepEqual([tap(5000, 10, 0, 28), tap(5200, 30, 5, 28)], [false, true]);
});
