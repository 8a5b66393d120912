import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { stringify } from "../../../web/editor/model/document.js";
import { boxAt, sampleDocument } from "../../../web/editor/model/sample.js";
import { fromBoxes, neededBoxes, slackOf } from "../../../web/editor/model/simplify.js";
import { golden } from "./helpers.js";

/** @typedef {(number[] | null)[][]} Table boxes [T][N] in pixels */

/** @param {Table} table @param {boolean[][]} [visible] */
function tracks(table, visible) {
  const count = table[0].length;
  return {
    boxes: Array.from({ length: count }, (_, n) =>
      Float64Array.from(table.flatMap((frame) => frame[n] ?? [NaN, NaN, NaN, NaN])),
    ),
    visible: Array.from({ length: count }, (_, n) =>
      Uint8Array.from(table, (_frame, f) => Number(visible?.[f][n] ?? 1)),
    ),
  };
}

for (const { name, boxes, visible, size, tolerance, document } of golden("simplify.json")) {
  test(`the keyframes are Python's: ${name}`, () => {
    assert.equal(stringify(fromBoxes({ ...tracks(boxes, visible), size, tolerance })), document);
  });
}

const walk = fc
  .array(fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: -9, max: 9 }))), { minLength: 1, maxLength: 60 })
  .map((steps) => {
    let box = [200, 100, 300, 300];
    return steps.map((step) => [(box = box.map((value, i) => value + step[i]))]);
  });

test("every box is restored within the tolerance, with fewer keyframes the larger it is", () => {
  fc.assert(
    fc.property(walk, fc.constantFrom(0, 0.5, 2, 20), (table, tolerance) => {
      const document = fromBoxes({ ...tracks(table), size: [1000, 1000], tolerance });
      const { boxes } = sampleDocument(document);
      for (let f = 0; f < table.length; f += 1) {
        const [x, y, w, h] = boxes[0].subarray(f * 4, f * 4 + 4);
        const [x0, y0, w0, h0] = table[f][0] ?? [];
        const misses = [x + w / 2 - x0 - w0 / 2, y + h / 2 - y0 - h0 / 2, w - w0, h - h0].map(Math.abs);
        assert.ok(Math.max(...misses) <= tolerance + 2e-6, `${misses} px on frame ${f}`);
      }
      const exact = fromBoxes({ ...tracks(table), size: [1000, 1000] });
      assert.ok(document.objects[0].keyframes.length <= exact.objects[0].keyframes.length);
    }),
    { numRuns: 60 },
  );
});

test("the last box is kept where other keyframes follow", () => {
  const boxes = Array.from({ length: 9 }, () => ({ x: 0.5, y: 0.5, w: 0.1, h: 0.1 }));
  const frames = boxes.map((_, index) => index);
  assert.deepEqual(neededBoxes(frames, boxes, slackOf(1, [64, 64])), [0]);
  assert.deepEqual(neededBoxes(frames, boxes, slackOf(1, [64, 64]), { keepLast: true }), [0, 8]);
});

test("what cannot become a document is refused", () => {
  const table = Array.from({ length: 4 }, () => [[10, 10, 40, 30]]);
  /** @param {Table} boxes @param {object} [more] */
  const make = (boxes, more) => () => fromBoxes({ ...tracks(boxes), size: [640, 360], ...more });
  assert.throws(
    make([...table, [null]]),
    /objects\[0\] on frame 4 is visible without a finite box: give its box or hide it\./,
  );
  assert.throws(make([[null], [null]]), /objects\[0\] has no box on any frame: leave it out or give it one\./);
  assert.throws(make(table, { tolerance: -1 }), /tolerance is -1: give a finite number from 0 to 4096 \(pixels\)/);
  assert.throws(
    make([[[9e9, 10, 40, 30]]]),
    /objects\[0\]\.keyframes\[0\]\.x is 14062500\.03125: give a finite number from -4/,
  );
  assert.throws(
    make([table.flat().concat(Array.from({ length: 61 }, () => [1, 1, 1, 1]))]),
    /objects is a list of 65 items/,
  );
  const jagged = Array.from({ length: 1000 }, (_, f) => [[10 + 3 * (f % 2), 10, 40, 30]]);
  assert.throws(make(jagged), /keyframes is a list of 1000 items: keep at most 512 by raising tolerance \(simplify in DrawTrajectory; now 0 px\)/);
  const [object] = make(jagged, { tolerance: 4 })().objects;
  assert.ok(object.keyframes.length < 512);
  assert.ok(Math.abs(boxAt(object, 500).x * 640 - 31.5) <= 4);
});
