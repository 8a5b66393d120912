import assert from "node:assert/strict";
import { test } from "node:test";

import * as ops from "../../../web/editor/edit/operations.js";
import { stringify } from "../../../web/editor/model/document.js";
import { sampleDocument } from "../../../web/editor/model/sample.js";
import { assertNear, example, framesOf, golden, object, read } from "./helpers.js";

/** @param {string} id @param {...number} frames */
const select = (id, ...frames) => frames.map((frame) => ({ id, frame }));

test("a keyframe that is added changes no motion on a linear path", () => {
  const document = example();
  for (const frame of [0, 5, 11, 17, 24, 30, 40]) {
    const added = ops.addKeyframe(document, { ids: ["walk", "rock"], frame });
    assert.ok(framesOf(added, "walk").includes(frame) && framesOf(added, "rock").includes(frame));
    sampleDocument(added).boxes.forEach((boxes, n) => assertNear(boxes, sampleDocument(document).boxes[n], 1e-6));
  }
});

test("keyframes are deleted, but never the last of an object", () => {
  const document = example();
  const fewer = ops.removeKeyframes(document, { selection: [...select("walk", 2, 14, 36), ...select("curve", 15)] });
  assert.deepEqual(
    [framesOf(fewer, "walk"), framesOf(fewer, "curve")],
    [
      [8, 20, 28],
      [0, 40],
    ],
  );
  assert.throws(
    () => ops.removeKeyframes(document, { selection: [...select("walk", 2), ...select("rock", 10)] }),
    /keyframes of "rock" would be 0: keep one, or delete the object instead\./,
  );
  assert.throws(() => ops.removeKeyframes(document, { selection: [] }), /select at least one keyframe/);
  assert.throws(
    () => ops.removeKeyframes(document, { selection: select("walk", 3) }),
    /frame of "walk" is 3: select a frame/,
  );
});

test("keyframes move together, with their eases, and stop together at the clip's ends", () => {
  const document = example();
  const selection = [...select("walk", 8, 14), ...select("curve", 15)];
  const moved = ops.moveKeyframes(document, { selection, dFrames: 3 });
  assert.deepEqual(
    [framesOf(moved, "walk"), framesOf(moved, "curve")],
    [
      [2, 11, 17, 20, 28, 36],
      [0, 18, 40],
    ],
  );
  assert.deepEqual(object(moved, "walk").keyframes[1], { ...object(document, "walk").keyframes[1], frame: 11 });
  assert.equal(ops.clampShift(document, selection, -30), -8);
  assert.deepEqual(framesOf(ops.moveKeyframes(document, { selection, dFrames: -30 }), "walk"), [0, 2, 6, 20, 28, 36]);
  assert.equal(ops.clampShift(document, select("curve", 0, 15, 40), 5), 0);
});

test("a moved keyframe replaces the one that it lands on, and passes others", () => {
  const document = example();
  const moved = ops.moveKeyframes(document, { selection: select("walk", 8), dFrames: 12 });
  assert.deepEqual(framesOf(moved, "walk"), [2, 14, 20, 28, 36]);
  assert.equal(object(moved, "walk").keyframes[2].ease, "hold");
  const block = ops.moveKeyframes(document, { selection: select("walk", 2, 8, 14), dFrames: 6 });
  assert.deepEqual(
    object(block, "walk")
      .keyframes.map(({ frame, x }) => [frame, x])
      .slice(0, 4),
    [
      [8, 0.1],
      [14, 0.3],
      [20, 0.5],
      [28, 0.2],
    ],
  );
});

test("copies of keyframes land on a step, or are refused where there is no room", () => {
  const document = example();
  const copied = ops.duplicateKeyframes(document, { selection: select("walk", 2, 8), dFrames: 3 });
  assert.deepEqual(
    object(copied, "walk")
      .keyframes.map(({ frame, x }) => [frame, x])
      .slice(0, 4),
    [
      [2, 0.1],
      [5, 0.1],
      [8, 0.3],
      [11, 0.3],
    ],
  );
  assert.throws(
    () => ops.duplicateKeyframes(document, { selection: select("curve", 0, 40), dFrames: 3 }),
    /dFrames is 3: choose a step in a direction in which the clip has room/,
  );
});

test("eases are set on the selected keyframes and checked", () => {
  const document = example();
  const eased = ops.setEase(document, { selection: select("walk", 2, 20), ease: [0.1, -1, 0.9, 2] });
  assert.deepEqual(
    object(eased, "walk").keyframes.map(({ ease }) => ease),
    [[0.1, -1, 0.9, 2], "hold", "out", [0.1, -1, 0.9, 2], [0.2, 0.1, 0.7, 1.2], "linear"],
  );
  assert.throws(
    () => ops.setEase(document, { selection: select("walk", 2), ease: [2, 0, 1, 1] }),
    /ease\[0\] is 2: give a finite/,
  );
});

test("no object gets more than 512 keyframes", () => {
  const keyframes = Array.from({ length: 512 }, (_, n) => ({ frame: 2 * n, x: 0.5, y: 0.5, w: 0.1, h: 0.1 }));
  const document = read({ version: 1, size: [64, 64], frames: 1025, objects: [{ id: "a", keyframes }] });
  assert.throws(
    () => ops.addKeyframe(document, { ids: ["a"], frame: 3 }),
    /keyframes of "a" would be 513: keep at most 512/,
  );
  assert.throws(
    () => ops.duplicateKeyframes(document, { selection: select("a", 0), dFrames: 1 }),
    /keyframes of "a" would be 513/,
  );
});

const { moving, lengths } = golden("editor.json");

test("retimed and trimmed documents are Python's", () => {
  const document = read(moving);
  for (const { frames, fit, canonical } of lengths) {
    const changed = stringify(ops.setFrames(document, { frames, fit }));
    if (fit === "retime") assert.equal(changed, canonical);
    else assertSameNumbers(changed, canonical);
  }
  assert.throws(
    () => ops.setFrames(document, { frames: 1026, fit: "trim" }),
    /frames is 1026: give a whole number from 1 to 1025/,
  );
});

/** Equal texts but for the last bits of their numbers. @param {string} found @param {string} expected */
function assertSameNumbers(found, expected) {
  const numbers = /-?\d+(\.\d+)?(e-?\d+)?/g;
  assert.equal(found.replaceAll(numbers, "0"), expected.replaceAll(numbers, "0"));
  assertNear((found.match(numbers) ?? []).map(Number), (expected.match(numbers) ?? []).map(Number), 1e-12);
}

test("size and rate change nothing else", () => {
  const document = example();
  const changed = ops.setFps(ops.setSize(document, { width: 480, height: 832 }), { fps: 12.5 });
  assert.deepEqual([changed.size, changed.fps, changed.objects === document.objects], [[480, 832], 12.5, true]);
  assert.throws(() => ops.setSize(document, { width: 31, height: 64 }), /size\[0\] is 31/);
  assert.throws(() => ops.setFps(document, { fps: 0 }), /fps is 0: give a finite number above 0/);
});

test("reversed motion shows the frames backwards", () => {
  for (const document of [example(), read(moving)]) {
    const linear = document.objects.filter(({ path, id }) => path === "linear" || id === "curve").map(({ id }) => id);
    const [before, after] = [sampleDocument(document), sampleDocument(ops.reverse(document, { ids: linear }))];
    for (let n = 0; n < document.objects.length; n += 1) {
      if (!linear.includes(document.objects[n].id)) continue;
      for (let f = 0; f < document.frames; f += 1) {
        const mirror = document.frames - 1 - f;
        assertNear(
          after.boxes[n].subarray(f * 4, f * 4 + 4),
          before.boxes[n].subarray(mirror * 4, mirror * 4 + 4),
          1e-6,
        );
        assert.equal(after.visible[n][f], before.visible[n][mirror]);
      }
    }
  }
});

test("reversing twice gives the document back where nothing is held", () => {
  const document = ops.setEase(example(), { selection: select("walk", 8, 28), ease: "in" });
  const ids = document.objects.map(({ id }) => id);
  assert.deepEqual(ops.reverse(ops.reverse(document, { ids }), { ids }), document);
});
