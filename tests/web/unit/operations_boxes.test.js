import assert from "node:assert/strict";
import { test } from "node:test";

import { changeObjects } from "../../../web/editor/edit/edit.js";
import * as ops from "../../../web/editor/edit/operations.js";
import { boxAt } from "../../../web/editor/model/sample.js";
import { assertNear, example, framesOf, object } from "./helpers.js";

const BOX = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };
/** @param {import("../../../web/editor/model/types.js").Document} document */
const ids = (document) => document.objects.map(({ id }) => id);

test("a box is put on its keyframe, or on a new one with the ease of the one before", () => {
  const document = example();
  const edited = ops.setBox(document, { id: "walk", frame: 8, box: BOX });
  assert.deepEqual(object(edited, "walk").keyframes[1], { frame: 8, ...BOX, ease: "hold" });
  assert.deepEqual(framesOf(edited, "walk"), framesOf(document, "walk"));
  const inner = ops.setBox(document, { id: "walk", frame: 24, box: BOX });
  assert.deepEqual(
    object(inner, "walk")
      .keyframes.slice(3, 5)
      .map(({ frame, ease }) => [frame, ease]),
    [
      [20, "in-out"],
      [24, "in-out"],
    ],
  );
  const first = ops.setBox(document, { id: "walk", frame: 0, box: BOX });
  assert.deepEqual(object(first, "walk").keyframes[0], { frame: 0, ...BOX, ease: "linear" });
  assert.deepEqual(
    framesOf(ops.setBox(document, { id: "walk", frame: 40, box: BOX }), "walk"),
    [2, 8, 14, 20, 28, 36, 40],
  );
});

test("objects move together at a frame and stop together at the limit", () => {
  const document = example();
  const moved = ops.moveObjects(document, { ids: ["walk", "rock"], frame: 30, dx: 0.1, dy: -0.2 });
  for (const id of ["walk", "rock"]) {
    const [from, to] = [boxAt(object(document, id), 30), boxAt(object(moved, id), 30)];
    assertNear([to.x, to.y, to.w, to.h], [from.x + 0.1, from.y - 0.2, from.w, from.h], 1e-12);
  }
  assert.equal(object(moved, "curve"), object(document, "curve"));
  const stopped = ops.moveObjects(document, { ids: ["walk", "rock"], frame: 8, dx: 99, dy: 0 });
  assertNear([boxAt(object(stopped, "rock"), 8).x, boxAt(object(stopped, "walk"), 8).x], [5, 4.8], 1e-12);
});

test("whole paths move, and back", () => {
  const document = example();
  const moved = ops.movePaths(document, { ids: ["curve"], dx: 0.25, dy: 0.5 });
  assertNear([boxAt(object(moved, "curve"), 7).x], [boxAt(object(document, "curve"), 7).x + 0.25], 1e-12);
  const back = ops.movePaths(moved, { ids: ["curve"], dx: -0.25, dy: -0.5 });
  for (const axis of /** @type {const} */ (["x", "y"])) {
    const places = object(document, "curve").keyframes.map((key) => key[axis]);
    assertNear(
      object(back, "curve").keyframes.map((key) => key[axis]),
      places,
      1e-15,
    );
  }
});

test("boxes are scaled about a point", () => {
  const args = { ids: ["rock", "walk"], frame: 8, scaleX: 2, scaleY: 0.5, about: { x: 0.5, y: 0 } };
  const scaled = ops.resize(example(), args);
  const { x, y, w, h } = boxAt(object(scaled, "walk"), 8);
  assertNear([x, y, w, h], [0.1, 0.2, 0.24, 0.1], 1e-12);
  assert.throws(() => ops.resize(example(), { ...args, scaleX: 0 }), /scaleX is 0: give a finite number above 0/);
  assert.throws(
    () => ops.resize(example(), { ...args, scaleY: 50 }),
    /y of "walk" is 20: give a finite number from -4 to 5/,
  );
});

test("alignment is to the rectangle around all, or to the picture for one", () => {
  const document = example();
  const both = ops.align(document, { ids: ["walk", "rock"], frame: 8, edge: "left" });
  // walk: 0.3 - 0.12 / 2; rock is 0.125 wide.
  assertNear([boxAt(object(both, "walk"), 8).x, boxAt(object(both, "rock"), 8).x], [0.3, 0.24 + 0.125 / 2], 1e-12);
  /** @type {[import("../../../web/editor/edit/operations.js").Edge, "x" | "y", number][]} */
  const places = [
    ["left", "x", 0.0625],
    ["centre", "x", 0.5],
    ["right", "x", 0.9375],
    ["top", "y", 0.1],
    ["middle", "y", 0.5],
    ["bottom", "y", 0.9],
  ];
  for (const [edge, axis, place] of places) {
    assertNear(
      [boxAt(object(ops.align(document, { ids: ["rock"], frame: 8, edge }), "rock"), 8)[axis]],
      [place],
      1e-12,
    );
  }
});

test("distribution makes the gaps equal and leaves the outermost", () => {
  const document = ops.distribute(example(), { ids: ["rock", "walk", "curve"], frame: 40, axis: "y" });
  // walk and rock were at 0.5, curve at 0.7.
  assertNear(
    ["rock", "walk", "curve"].map((id) => boxAt(object(document, id), 40).y),
    [0.5, 0.6, 0.7],
    1e-12,
  );
  assert.throws(
    () => ops.distribute(example(), { ids: ["rock", "walk"], frame: 0, axis: "x" }),
    /select at least 3 objects/,
  );
});

test("a flip mirrors the shape of frame 0, too", () => {
  const shape = { columns: 3, rows: 2, runs: [0, 1, 3, 2] };
  const document = changeObjects(example(), ["walk"], (walk) => ({ ...walk, shape }));
  /** @param {"horizontal" | "vertical"} axis */
  const runs = (axis) => object(ops.flip(document, { ids: ["walk"], axis }), "walk").shape?.runs;
  assert.deepEqual(runs("horizontal"), [2, 3, 1]);
  assert.deepEqual(runs("vertical"), [1, 3, 2]);
  assert.equal(object(ops.flip(document, { ids: ["rock"], axis: "vertical" }), "walk").shape, shape);
});

test("flipping twice is nothing", () => {
  const document = example();
  for (const axis of /** @type {const} */ (["horizontal", "vertical"])) {
    const flipped = ops.flip(document, { ids: ids(document), axis });
    const at = axis === "horizontal" ? "x" : "y";
    assertNear([boxAt(object(flipped, "curve"), 9)[at]], [1 - boxAt(object(document, "curve"), 9)[at]], 1e-12);
    const back = ops.flip(flipped, { ids: ids(document), axis });
    for (const id of ids(document)) {
      assertNear(
        object(back, id).keyframes.map((key) => key[at]),
        object(document, id).keyframes.map((key) => key[at]),
        1e-15,
      );
    }
  }
});

test("an anchored object keeps the box of the frame on all frames", () => {
  const document = example();
  const still = ops.staticAnchor(document, { id: "curve", frame: 9 });
  for (const f of [0, 9, 40]) assert.deepEqual(boxAt(object(still, "curve"), f), boxAt(object(document, "curve"), 9));
  assert.deepEqual(framesOf(still, "curve"), [9]);
});
