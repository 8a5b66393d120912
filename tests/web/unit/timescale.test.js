import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { SIDE, frameAtX, slideSpan, ticks, wholeSpan, xOfFrame, zoomSpan } from "../../../web/editor/ui/timescale.js";

const frames = fc.integer({ min: 2, max: 1025 });
const width = fc.integer({ min: 100, max: 2000 });

test("a frame goes to its place and back", () => {
  fc.assert(fc.property(frames, width, fc.double({ min: 0, max: 1, noNaN: true }), (count, pixels, share) => {
    const frame = Math.round(share * (count - 1));
    const span = wholeSpan(count);
    assert.equal(frameAtX(span, pixels, xOfFrame(span, pixels, frame)), frame);
  }));
});

test("the first and the last frame leave room at the sides", () => {
  assert.equal(xOfFrame(wholeSpan(121), 500, 0), SIDE);
  assert.equal(xOfFrame(wholeSpan(121), 500, 120), 500 - SIDE);
});

test("zooming keeps the frame in its place, and the span in the clip", () => {
  const span = zoomSpan(wholeSpan(121), 4, 60, 121);
  assert.deepEqual(span, { first: 45, last: 75 });
  assert.deepEqual(zoomSpan(span, 0.01, 60, 121), wholeSpan(121));
  fc.assert(fc.property(frames, fc.double({ min: 0.1, max: 50, noNaN: true }), fc.integer({ min: 0, max: 1024 }), (count, factor, at) => {
    const { first, last } = zoomSpan(wholeSpan(count), factor, Math.min(at, count - 1), count);
    assert.ok(first >= 0 && last <= Math.max(count - 1, 1) + 1e-9 && last > first);
  }));
});

test("sliding stops at the ends", () => {
  assert.deepEqual(slideSpan({ first: 10, last: 20 }, -50, 121), { first: 0, last: 10 });
  assert.deepEqual(slideSpan({ first: 10, last: 20 }, 500, 121), { first: 110, last: 120 });
});

test("a clip of one frame has a timeline too", () => {
  assert.ok(Number.isFinite(xOfFrame(wholeSpan(1), 300, 0)));
});

test("the ruler's numbers are round and far enough apart", () => {
  const { frames: written, step } = ticks(wholeSpan(121), 300);
  assert.deepEqual(written, [0, 20, 40, 60, 80, 100, 120]);
  assert.equal(step, 20);
});
