import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyDocument } from "../../../web/editor/model/document.js";
import { awayFrom, fitView, rectOf, toCanvas } from "../../../web/editor/model/geometry.js";
import { boxAt } from "../../../web/editor/model/sample.js";
import { addKeyframe, addObject, moveObjects, setBox, setPath } from "../../../web/editor/edit/operations.js";
import { bendsOf, centresOf, shownObjects } from "../../../web/editor/stage/scene.js";
import { targetAt } from "../../../web/editor/stage/targets.js";
import { randomOf } from "./helpers.js";

const RUNS = 50;
const SIZE = /** @type {const} */ ([1280, 704]);
/** The stage in a new node, and in the large view. */
const STAGES = /** @type {const} */ ([[500, 300], [1400, 800]]);

/** README, "Draw a motion", steps 2 and 3: a box, moved by frame 50, a pause until frame 80. @param {() => number} random */
function paused(random) {
  const box = { x: 0.15 + 0.2 * random(), y: 0.3 + 0.3 * random(), w: 0.1 + 0.2 * random(), h: 0.2 + 0.3 * random() };
  const drawn = addObject(emptyDocument(SIZE, 121), { box, frame: 0 });
  const moved = setBox(drawn, { id: "o1", frame: 50, box: { ...box, x: box.x + 0.3 * random(), y: box.y + 0.2 * random() } });
  return addKeyframe(moved, { ids: ["o1"], frame: 80 });
}

/**
 * What a pointer finds at a place in the selected box, -1 to 1 from edge to edge.
 * @param {import("../../../web/editor/model/types.js").Document} document
 * @param {number} frame
 * @param {readonly [number, number]} stage
 * @param {{x: number, y: number}} place
 * @param {{pointerType?: number, keysFirst?: boolean, keyHere?: boolean}} [options]
 */
function grab(document, frame, [width, height], place, { pointerType: reach = 8, keysFirst = false, keyHere = false } = {}) {
  const view = fitView(width, height, SIZE);
  const { x, y, w, h } = boxAt(document.objects[0], frame);
  const point = toCanvas(view, { x: x + (place.x * w) / 2, y: y + (place.y * h) / 2 });
  return targetAt({
    view, shown: shownObjects(document, frame, ["o1"], []), selected: ["o1"], locked: [], tool: "draw", frame, frames: 121, point, reach, keysFirst, keyHere,
  });
}

test("a hand that grabs the box at a later frame never moves the pause, in fifty tries", () => {
  const random = randomOf(20261126);
  for (let run = 0; run < RUNS; run += 1) {
    for (const path of /** @type {const} */ (["linear", "smooth"])) {
      const start = setPath(paused(random), { ids: ["o1"], path });
      const pause = start.objects[0].keyframes.slice(1);
      const stage = STAGES[run % 2];
      const reach = [8, 16, 28][run % 3];
      // Step 4: anywhere in the middle of the box, which at the last frame stands where its diamonds are.
      const place = { x: random() - 0.5, y: random() - 0.5 };
      const found = grab(start, 120, stage, place, { pointerType: reach });
      assert.equal(found.kind, "box", `run ${run}: ${JSON.stringify(place)} ${JSON.stringify(found)}`);
      const ended = moveObjects(start, { ids: [found.id ?? ""], frame: 120, dx: 0.2 * random() + 0.05, dy: -0.1 });
      assert.deepEqual(ended.objects[0].keyframes.map(({ frame }) => frame), [0, 50, 80, 120]);
      assert.deepEqual(ended.objects[0].keyframes.slice(1, 3), pause);
      // On the way, wherever the box is shown, the box is what the hand gets.
      const at = Math.floor(121 * random());
      assert.equal(grab(ended, at, stage, { x: random() - 0.5, y: random() - 0.5 }, { pointerType: reach }).kind, "box");
      // Back to where it was: a path that returns to its beginning.
      const back = setBox(ended, { id: "o1", frame: 120, box: boxAt(start.objects[0], 0) });
      assert.equal(grab(back, run % 2 ? 0 : 120, stage, { x: random() - 0.5, y: random() - 0.5 }, { pointerType: reach }).kind, "box");
    }
  }
});

test("outside the box a diamond is grabbed where it stands, inside it with a key held", () => {
  const random = randomOf(7);
  const view = fitView(...STAGES[0], SIZE);
  let outside = 0;
  for (let run = 0; run < RUNS; run += 1) {
    const document = paused(random);
    const [first, pause] = document.objects[0].keyframes;
    const rect = rectOf(view, first);
    const at = toCanvas(view, pause);
    const sight = { view, shown: shownObjects(document, 0, ["o1"], []), selected: ["o1"], locked: [], tool: /** @type {const} */ ("draw"), frame: 0, frames: 121, reach: 8 };
    const point = { x: at.x + 8 * (random() - 0.5), y: at.y + 8 * (random() - 0.5) };
    const away = Math.max(rect.left - point.x, point.x - rect.right, rect.top - point.y, point.y - rect.bottom);
    // The two diamonds of the pause lie on one another: the one nearer in time answers.
    if (away > 8) assert.deepEqual(targetAt({ ...sight, point, keysFirst: false }), { kind: "key", id: "o1", frame: 50 });
    else if (away < -8) assert.deepEqual(targetAt({ ...sight, point, keysFirst: true }), { kind: "key", id: "o1", frame: 50 });
    if (away > 8) outside += 1;
  }
  assert.ok(outside > 5 && outside < RUNS - 5);
  const late = paused(random);
  assert.deepEqual(grab(late, 120, STAGES[0], { x: 0, y: 0 }, { keysFirst: true }), { kind: "key", id: "o1", frame: 80 });
  // A menu also answers for the diamond of the frame shown, unless it is the only one.
  assert.deepEqual(grab(late, 80, STAGES[0], { x: 0, y: 0 }, { keysFirst: true, keyHere: true }), { kind: "key", id: "o1", frame: 80 });
  const alone = addObject(emptyDocument(SIZE, 121), { box: { x: 0.5, y: 0.5, w: 0.2, h: 0.2 }, frame: 0 });
  assert.equal(grab(alone, 0, STAGES[0], { x: 0, y: 0 }, { keysFirst: true, keyHere: true }).kind, "box");
});

test("a corner resizes, a locked box is not there, and an empty place is empty", () => {
  const document = paused(randomOf(1));
  assert.deepEqual(grab(document, 120, STAGES[1], { x: 1, y: 1 }), { kind: "handle", id: "o1", handle: "se" });
  const view = fitView(...STAGES[1], SIZE);
  const sight = { view, shown: shownObjects(document, 0, ["o1"], []), selected: ["o1"], tool: /** @type {const} */ ("draw"), frame: 0, frames: 121, reach: 8, keysFirst: false };
  const middle = toCanvas(view, boxAt(document.objects[0], 0));
  assert.equal(targetAt({ ...sight, locked: [], point: middle }).kind, "box");
  assert.equal(targetAt({ ...sight, locked: ["o1"], point: middle }).kind, "nothing");
  assert.equal(targetAt({ ...sight, locked: [], point: { x: 1, y: 1 } }).kind, "nothing");
});

test("a path answers with the frame that lies there, outside boxes and diamonds only", () => {
  const box = { x: 0.2, y: 0.2, w: 0.1, h: 0.1 };
  let document = addObject(addObject(emptyDocument(SIZE, 121), { box, frame: 0 }), { box: { ...box, y: 0.8 }, frame: 0 });
  document = setBox(document, { id: "o1", frame: 100, box: { ...box, x: 0.8 } });
  // There and back again: every place but the end is passed twice.
  for (const [frame, x] of [[40, 0.8], [80, 0.2]]) document = setBox(document, { id: "o2", frame, box: { ...box, y: 0.8, x } });
  const view = fitView(...STAGES[1], SIZE);
  /** @param {{x: number, y: number}} place @param {object} [other] */
  const find = (place, other = {}) => targetAt({
    view, shown: shownObjects(document, 0, ["o2"], []), selected: ["o2"], locked: [], tool: "draw", frame: 0, frames: 121, reach: 8, keysFirst: false,
    point: toCanvas(view, place), ...other,
  });
  assert.deepEqual(find({ x: 0.5, y: 0.203 }), { kind: "path", id: "o1", frame: 50 });
  assert.deepEqual(find({ x: 0.5, y: 0.8 }), { kind: "path", id: "o2", frame: 20 });
  assert.deepEqual(find({ x: 0.5, y: 0.8 }, { frame: 70 }), { kind: "path", id: "o2", frame: 60 });
  assert.equal(find({ x: 0.21, y: 0.2 }).kind, "box");
  assert.deepEqual(find({ x: 0.8, y: 0.8 }), { kind: "key", id: "o2", frame: 40 });
  assert.equal(find({ x: 0.5, y: 0.5 }).kind, "nothing");
  assert.equal(find({ x: 0.5, y: 0.2 }, { locked: ["o1"] }).kind, "nothing");
  assert.equal(find({ x: 0.5, y: 0.2 }, { tool: "pen" }).kind, "nothing");
  assert.equal(find({ x: 0.21, y: 0.2 }, { tool: "pen" }).kind, "box");
});

test("a path is drawn through its bends, within a pixel of all its frames", () => {
  const box = { x: 0.1, y: 0.2, w: 0.1, h: 0.1 };
  let document = addObject(emptyDocument(SIZE, 121), { box, frame: 0 });
  // Right, back again over the same line, and down.
  for (const [frame, x, y] of [[30, 0.9, 0.2], [60, 0.3, 0.2], [90, 0.3, 0.8]]) document = setBox(document, { id: "o1", frame, box: { ...box, x, y } });
  const bends = (/** @type {typeof document} */ { objects: [object], frames }) => bendsOf(centresOf(object, frames), 0, 90);
  assert.ok(bends(document).length <= 8);
  for (const frame of [0, 30, 60, 90]) assert.ok(bends(document).includes(frame));
  const smooth = setPath(document, { ids: ["o1"], path: "smooth" });
  const [kept, centres] = [bends(smooth), centresOf(smooth.objects[0], 121)];
  assert.ok(kept.length < 60);
  const at = (/** @type {number} */ f) => ({ x: centres[2 * f], y: centres[2 * f + 1] });
  for (let f = 0; f <= 90; f += 1) {
    const next = kept.findIndex((frame) => frame >= f);
    assert.ok(awayFrom(at(kept[Math.max(next - 1, 0)]), at(kept[next]), at(f)) <= 1e-4);
  }
});
