import assert from "node:assert/strict";
import { test } from "node:test";

import { cutEase, easedShare, reverseEase, splitEase } from "../../../web/editor/model/easing.js";
import { boxAt, isHidden, sampleDocument, segmentAt } from "../../../web/editor/model/sample.js";
import { assertNear, example, golden, object, read } from "./helpers.js";

const { tolerance, cases } = golden("trajectory.json");

for (const { name, document, calls } of cases) {
  test(`golden vectors: ${name}`, () => {
    for (const { boxes, visible, ...options } of calls) {
      const sampled = sampleDocument(read(document), options);
      assert.equal(sampled.frames, boxes.length);
      sampled.boxes.forEach((track, n) => {
        assertNear(
          track,
          boxes.flatMap((/** @type {number[][]} */ frame) => frame[n]),
          tolerance,
        );
        assert.deepEqual(
          [...sampled.visible[n]],
          visible.map((/** @type {boolean[]} */ frame) => Number(frame[n])),
        );
      });
    }
  });
}

test("one box is the same as all boxes", () => {
  const document = example();
  const { boxes } = sampleDocument(document);
  document.objects.forEach((tracked, n) => {
    for (let f = 0; f < document.frames; f += 1) {
      const { x, y, w, h } = boxAt(tracked, f);
      const [width, height] = document.size;
      assertNear(
        boxes[n].subarray(f * 4, f * 4 + 4),
        [(x - w / 2) * width, (y - h / 2) * height, w * width, h * height],
        0,
      );
    }
  });
});

test("a time between frames is hidden when its nearest frame is", () => {
  const walk = object(example(), "walk");
  assert.deepEqual(
    [2, 2.49, 2.5, 5.49, 5.5].map((t) => isHidden(walk, t)),
    [false, false, true, true, false],
  );
});

test("the segment is the one of the last keyframe at or before the time", () => {
  const { keyframes } = object(example(), "walk");
  assert.deepEqual(
    [0, 2, 7.9, 8, 36, 40].map((t) => segmentAt(keyframes, t)),
    [-1, 0, 0, 1, 5, 5],
  );
});

test("options out of range get their sentence", () => {
  assert.throws(() => sampleDocument(example(), { frames: 0 }), /frames is 0: give a whole number from 1 to 1025/);
  assert.throws(() => sampleDocument(example(), { size: [8, 64] }), /size\[0\] is 8/);
  // @ts-expect-error a name that does not exist
  assert.throws(() => sampleDocument(example(), { fit: "cut" }), /fit is "cut": give "retime" or "trim"/);
});

/** @type {import("../../../web/editor/model/types.js").Ease[]} */
const eases = ["linear", "in", "out", "in-out", [0.3, -0.8, 0.6, 1.9], [0.1, 0.9, 0.7, 0.2], [0, 1, 1, 0]];

for (const ease of eases) {
  test(`a cut ease is the same curve in two parts: ${ease}`, () => {
    for (const at of [0.25, 0.4, 0.75]) {
      const parts = splitEase(ease, at);
      if (!parts) continue;
      const share = easedShare(ease, at);
      for (const x of [0.1, 0.5, 0.9]) {
        assertNear([share * easedShare(parts.before, x)], [easedShare(ease, at * x)], 1e-9);
        assertNear([share + (1 - share) * easedShare(parts.after, x)], [easedShare(ease, at + (1 - at) * x)], 1e-9);
      }
    }
    assert.ok(splitEase(ease, 0.4), "at least here it fits a document");
  });

  test(`a reversed ease runs backwards: ${ease}`, () => {
    for (const x of [0, 0.2, 0.5, 0.9, 1]) {
      // The last one is so flat that rounding shows.
      assertNear([easedShare(reverseEase(ease), x)], [1 - easedShare(ease, 1 - x)], 1e-7);
    }
  });
}

test("a part that does not fit a document is not an ease", () => {
  // Where this ease, having moved back first, passes its start, its first part would be infinitely steep.
  const parts = Array.from({ length: 60 }, (_, n) => cutEase([0.5, -2, 0.5, 3], (n + 20) / 100));
  const near = parts.filter(({ share }) => Math.abs(share) < 0.1);
  assert.ok(near.length > 0 && near.every(({ ease }) => ease === null));
  assert.ok(parts.some(({ ease }) => ease !== null));
  assert.deepEqual(cutEase("hold", 0.5), { share: 0, ease: "hold" });
});
