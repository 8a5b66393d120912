import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import {
  HANDLES, MAX_ZOOM, SMALLEST, boxAround, boxBetween, contains, fitView, handleAt, handlePoint, handlesOf, hits, overlaps,
  reachOf, rectOf, resizeBox, toCanvas, toPicture, zoomView,
} from "../../../web/editor/model/geometry.js";

const VIEW = { left: 50, top: 20, width: 400, height: 200 };
/** @param {number} a @param {number} b */
const near = (a, b, tolerance = 1e-9) => assert.ok(Math.abs(a - b) <= tolerance, `${a} is not ${b}`);
/** @param {import("../../../web/editor/model/types.js").Box} box */
const edges = ({ x, y, w, h }) => ({ left: x - w / 2, right: x + w / 2, top: y - h / 2, bottom: y + h / 2 });
const fraction = fc.double({ min: -2, max: 3, noNaN: true });
const extent = fc.double({ min: 0.01, max: 2, noNaN: true });
const anyBox = fc.record({ x: fraction, y: fraction, w: extent, h: extent });

test("the whole picture is in view, in its shape, in the middle", () => {
  for (const [width, height, wide, high] of [[480, 300, 1280, 704], [300, 900, 1280, 704], [1400, 700, 704, 1280]]) {
    const { left, top, width: w, height: h } = fitView(width, height, [wide, high]);
    near(w / h, wide / high);
    near(left, width - left - w);
    near(top, height - top - h);
    assert.ok(left >= 14 && top >= 14);
  }
});

test("a point goes to the canvas and back", () => {
  fc.assert(fc.property(fraction, fraction, (x, y) => {
    const back = toPicture(VIEW, toCanvas(VIEW, { x, y }));
    near(back.x, x);
    near(back.y, y);
  }));
});

test("zooming keeps the point under the pointer, and has an end", () => {
  const fitted = fitView(480, 300, [1280, 704]);
  const at = { x: 200, y: 90 };
  const before = toPicture(fitted, at);
  const zoomed = zoomView(fitted, 3, at, fitted);
  near(zoomed.width, fitted.width * 3);
  near(toPicture(zoomed, at).x, before.x);
  near(toPicture(zoomed, at).y, before.y);
  near(zoomView(zoomed, 1000, at, fitted).width, fitted.width * MAX_ZOOM);
});

test("a box is a rectangle on the canvas", () => {
  assert.deepEqual(rectOf(VIEW, { x: 0.5, y: 0.5, w: 0.5, h: 1 }), { left: 150, top: 20, right: 350, bottom: 220 });
});

test("a finger reaches farther than a pen, a pen farther than a mouse", () => {
  assert.deepEqual(["mouse", "pen", "touch", ""].map(reachOf), [8, 16, 28, 8]);
});

test("every handle is found where it stands", () => {
  const rect = rectOf(VIEW, { x: 0.5, y: 0.5, w: 0.5, h: 0.5 });
  for (const handle of HANDLES) assert.equal(handleAt(rect, handlePoint(rect, handle), 8), handle);
  assert.equal(handleAt(rect, { x: 250, y: 120 }, 28), undefined);
  assert.equal(handleAt(rect, { x: rect.left - 7, y: rect.top - 7 }, 8), "nw");
  assert.equal(handleAt(rect, { x: rect.left - 9, y: rect.top }, 8), undefined);
});

test("a small box has no side handles and can be grabbed in its middle", () => {
  const rect = { left: 100, top: 100, right: 120, bottom: 120 };
  assert.deepEqual(handlesOf(rect, 28), ["nw", "ne", "se", "sw"]);
  assert.equal(handleAt(rect, { x: 110, y: 110 }, 28), undefined);
  assert.equal(handleAt(rect, { x: 90, y: 90 }, 28), "nw");
});

test("the topmost box is hit first, the selected one before it", () => {
  const shown = [
    { id: "below", box: { x: 0.5, y: 0.5, w: 0.8, h: 0.8 } },
    { id: "above", box: { x: 0.5, y: 0.5, w: 0.2, h: 0.2 } },
  ];
  const centre = toCanvas(VIEW, { x: 0.5, y: 0.5 });
  assert.deepEqual(hits(VIEW, shown, centre, 8).map(({ id }) => id), ["above", "below"]);
  assert.deepEqual(hits(VIEW, shown, centre, 8, ["below"]).map(({ id }) => id), ["below", "above"]);
  assert.deepEqual(hits(VIEW, shown, toCanvas(VIEW, { x: 0.95, y: 0.5 }), 8), []);
});

test("a box smaller than the reach is still hit", () => {
  const speck = { left: 100, top: 100, right: 101, bottom: 101 };
  assert.equal(contains(speck, { x: 110, y: 100 }, 28), true);
  assert.equal(contains(speck, { x: 110, y: 100 }, 8), false);
});

test("rectangles that only touch do not overlap", () => {
  const rect = { left: 0, top: 0, right: 10, bottom: 10 };
  assert.equal(overlaps(rect, { left: 9, top: 9, right: 20, bottom: 20 }), true);
  assert.equal(overlaps(rect, { left: 10, top: 0, right: 20, bottom: 10 }), false);
});

test("two corners make the same box, whichever comes first", () => {
  const [a, b] = [{ x: 0.2, y: 0.7 }, { x: 0.6, y: 0.1 }];
  assert.deepEqual(boxBetween(a, b), boxBetween(b, a));
  assert.deepEqual(boxBetween(a, a), { x: 0.2, y: 0.7, w: SMALLEST, h: SMALLEST });
});

test("resizing moves the dragged sides and no others", () => {
  fc.assert(fc.property(anyBox, fc.constantFrom(...HANDLES), extent, (box, handle, by) => {
    // Outwards, so that no side reaches the smallest size.
    const step = { x: handle.includes("w") ? -by : by, y: handle.includes("n") ? -by : by };
    const [before, after] = [edges(box), edges(resizeBox(box, handle, step))];
    near(after.left - before.left, handle.includes("w") ? -by : 0, 1e-6);
    near(after.right - before.right, handle.includes("e") ? by : 0, 1e-6);
    near(after.top - before.top, handle.includes("n") ? -by : 0, 1e-6);
    near(after.bottom - before.bottom, handle.includes("s") ? by : 0, 1e-6);
  }));
});

test("a side stops before its opposite one", () => {
  const after = resizeBox({ x: 0.5, y: 0.5, w: 0.2, h: 0.2 }, "e", { x: -1, y: 0 });
  near(after.w, SMALLEST);
  near(edges(after).left, 0.4);
});

test("shape and centre can be kept", () => {
  const box = { x: 0.5, y: 0.5, w: 0.2, h: 0.1 };
  const shaped = resizeBox(box, "se", { x: 0.2, y: 0 }, { ratio: true });
  near(shaped.w / shaped.h, 2);
  near(edges(shaped).left, 0.4);
  const centred = resizeBox(box, "e", { x: 0.1, y: 0 }, { centre: true });
  assert.deepEqual([centred.x, centred.y], [0.5, 0.5]);
  near(centred.w, 0.4);
});

test("the box around boxes touches their outermost edges", () => {
  const around = boxAround([{ x: 0.2, y: 0.2, w: 0.2, h: 0.2 }, { x: 0.8, y: 0.5, w: 0.2, h: 0.4 }]);
  const { left, right, top, bottom } = edges(around);
  [[left, 0.1], [right, 0.9], [top, 0.1], [bottom, 0.7]].forEach(([is, should]) => near(is, should));
});
