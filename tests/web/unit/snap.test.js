import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { guidesOf, snapLines, snapMove, snapResize } from "../../../web/editor/model/snap.js";

const NEAR = { x: 0.02, y: 0.02 };
/** @param {number} a @param {number} b */
const near = (a, b) => assert.ok(Math.abs(a - b) <= 1e-9, `${a} is not ${b}`);
const extent = fc.double({ min: 0.05, max: 0.9, noNaN: true });
const anyBox = fc.record({ x: extent, y: extent, w: extent, h: extent });

test("an edge goes to the frame's edge, the centre to its centre", () => {
  const left = snapMove({ x: 0.115, y: 0.3, w: 0.2, h: 0.1 }, snapLines([]), NEAR).box;
  near(left.x, 0.1);
  near(left.y, 0.3);
  const centre = snapMove({ x: 0.49, y: 0.512, w: 0.13, h: 0.17 }, snapLines([]), NEAR).box;
  near(centre.x, 0.5);
  near(centre.y, 0.5);
});

test("edges go to other boxes' edges and centres", () => {
  const lines = snapLines([{ x: 0.3, y: 0.3, w: 0.2, h: 0.1 }]);
  near(snapMove({ x: 0.46, y: 0.7, w: 0.1, h: 0.1 }, lines, NEAR).box.x, 0.45);
  near(snapMove({ x: 0.31, y: 0.7, w: 0.16, h: 0.1 }, lines, NEAR).box.x, 0.3);
});

test("the nearest line wins", () => {
  const lines = snapLines([{ x: 0.3, y: 0.3, w: 0.02, h: 0.1 }]);
  near(snapMove({ x: 0.296, y: 0.7, w: 0.002, h: 0.1 }, lines, NEAR).box.x, 0.299);
});

test("what is too far stays", () => {
  const box = { x: 0.3, y: 0.3, w: 0.1, h: 0.1 };
  const { box: after, guides } = snapMove(box, snapLines([]), NEAR);
  assert.deepEqual(after, box);
  assert.deepEqual(guides, []);
});

test("a moved box never moves farther than the tolerance, and keeps its size", () => {
  fc.assert(fc.property(anyBox, fc.array(anyBox, { maxLength: 5 }), (box, others) => {
    const { box: after } = snapMove(box, snapLines(others), NEAR);
    assert.ok(Math.abs(after.x - box.x) < NEAR.x && Math.abs(after.y - box.y) < NEAR.y);
    assert.deepEqual([after.w, after.h], [box.w, box.h]);
  }));
});

test("a resized box keeps the edges that are not dragged, and some size", () => {
  fc.assert(fc.property(anyBox, fc.array(anyBox, { maxLength: 5 }), (box, others) => {
    const { box: after } = snapResize(box, "se", snapLines(others), NEAR);
    near(after.x - after.w / 2, box.x - box.w / 2);
    near(after.y - after.h / 2, box.y - box.h / 2);
    assert.ok(after.w > 0 && after.h > 0);
  }));
});

test("a side handle moves its own axis only", () => {
  const { box } = snapResize({ x: 0.4, y: 0.4, w: 0.21, h: 0.195 }, "e", snapLines([]), NEAR);
  near(box.x + box.w / 2, 0.5);
  assert.deepEqual([box.y, box.h], [0.4, 0.195]);
});

test("a guide reaches from the box to what it meets", () => {
  const other = { x: 0.5, y: 0.1, w: 0.3, h: 0.1 };
  const guides = guidesOf({ x: 0.5, y: 0.8, w: 0.3, h: 0.1 }, snapLines([other]));
  const left = guides.find(({ axis, at }) => axis === "x" && Math.abs(at - 0.35) < 1e-9);
  assert.ok(left);
  near(left.from, 0.05);
  near(left.to, 0.85);
  assert.equal(guides.filter(({ axis }) => axis === "x").length, 3);
});
