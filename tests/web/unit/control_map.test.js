import assert from "node:assert/strict";
import { test } from "node:test";

import { defaultThickness, objectColor, renderControlMap } from "../../../web/editor/model/control_map.js";
import { COLORS, paletteColor } from "../../../web/editor/model/palette.js";
import { pixelRectangle } from "../../../web/editor/model/rectangle.js";
import { sampleDocument } from "../../../web/editor/model/sample.js";
import { example, golden, readPng, shapeOf } from "./helpers.js";

const scenes = golden("control_map/scenes.json");

for (const [name, scene] of Object.entries(scenes)) {
  // The browser knows no masks.
  if (scene.masks) continue;
  test(`the pixels are Python's: ${name}`, () => {
    const { size, boxes, visible, ...options } = scene;
    const count = boxes[0].length;
    const sampled = {
      size,
      frames: boxes.length,
      boxes: Array.from({ length: count }, (_, n) =>
        Float64Array.from(boxes.flatMap((/** @type {number[][]} */ frame) => frame[n])),
      ),
      visible: Array.from({ length: count }, (_, n) =>
        Uint8Array.from(visible, (/** @type {boolean[]} */ frame) => Number(frame[n])),
      ),
      shapes: scene.shapes?.map((/** @type {string[] | null} */ rows) => (rows ? shapeOf(rows) : undefined)),
    };
    const golden_ = readPng(`control_map/${name}.png`);
    for (let f = 0; f < boxes.length; f += 1) {
      const { width, height, data } = renderControlMap(sampled, f, options);
      assert.deepEqual([width, height], size);
      for (let i = 0; i < width * height; i += 1) {
        const at = (f * width * height + i) * 3;
        const [red, green, blue] = golden_.pixels.subarray(at, at + 3);
        if (data[i * 4] !== red || data[i * 4 + 1] !== green || data[i * 4 + 2] !== blue || data[i * 4 + 3] !== 255) {
          assert.fail(`frame ${f}, pixel ${i % width}, ${Math.floor(i / width)}: ${data.subarray(i * 4, i * 4 + 4)}`);
        }
      }
    }
  });
}

test("the golden scenes are all seen but those with masks", () => {
  assert.equal(Object.values(scenes).filter(({ masks }) => !masks).length, 14);
});

test("colours are the palette's from class one, at half intensity rounded half to even", () => {
  assert.deepEqual(
    [0, 1, 2].map((k) => objectColor(k)),
    [
      [128, 32, 32],
      [128, 80, 80],
      [128, 59, 26],
    ],
  );
  assert.deepEqual(objectColor(20), objectColor(41));
  assert.deepEqual(objectColor(0, 1), [0xff, 0x40, 0x40]);
  assert.equal(new Set(COLORS).size, 18);
  assert.deepEqual([0, 17, 18].map(paletteColor), [COLORS[0], COLORS[17], COLORS[0]]);
});

test("thickness and rectangles follow the rules", () => {
  assert.deepEqual(
    [
      [1280, 704],
      [480, 832],
      [199, 400],
    ].map(([w, h]) => defaultThickness([w, h])),
    [7, 4, 1],
  );
  assert.deepEqual(pixelRectangle([2.5, 3.5, 2, 2], [64, 48]), { left: 3, top: 4, right: 5, bottom: 6 });
  assert.deepEqual(pixelRectangle([2.5 - 1e-12, 3.49, 2, 2], [64, 48]), { left: 3, top: 3, right: 5, bottom: 5 });
  assert.deepEqual(pixelRectangle([7.2, 7.2, 0.1, 0.1], [64, 48]), { left: 7, top: 7, right: 8, bottom: 8 });
  assert.deepEqual(pixelRectangle([-3.5, 0, 5, 99], [64, 48]), { left: 0, top: 0, right: 2, bottom: 48 });
  for (const outside of [
    [-9, 0, 9, 9],
    [64, 0, 9, 9],
    [0, -9, 9, 8],
    [0, 48, 9, 9],
  ]) {
    assert.equal(pixelRectangle(outside, [64, 48]), null);
  }
});

test("options out of range are refused", () => {
  const sampled = sampleDocument(example(), { size: [64, 48] });
  assert.throws(() => renderControlMap(sampled, 41), /frame is 41: give a whole number from 0 to 40/);
  assert.throws(
    () => renderControlMap(sampled, 0, { opacity: 1.5 }),
    /opacity is 1.5: give a finite number from 0 to 1/,
  );
  assert.throws(
    () => renderControlMap(sampled, 0, { thickness: 0 }),
    /thickness is 0: give a whole number from 1 to 255/,
  );
  const wrong = /** @type {any} */ ({ mode: "boxes" });
  assert.throws(
    () => renderControlMap(sampled, 0, wrong),
    /mode is "boxes": give "box" or "mask" \(did you mean "box"\?\)/,
  );
});
