import assert from "node:assert/strict";
import { test } from "node:test";

import { cutOut, layersOf, movedPart, opennessOf, ownMasks, ownedPairs } from "../../../web/editor/model/cutout.js";
import { fillSoftly } from "../../../web/editor/model/soft_fill.js";
import { opacityAt } from "../../../web/editor/model/soft_shapes.js";
import { assertNear, golden } from "./helpers.js";

const { scenes, fills } = golden("animatic.json");

/** A mask's rows, # inside, as the smallest hard mask. @param {string[] | null} rows */
function hardMask(rows) {
  if (!rows) return null;
  const cells = rows.flatMap((row, y) => [...row].flatMap((cell, x) => (cell === "#" ? [[x, y]] : [])));
  const [left, top] = [0, 1].map((axis) => Math.min(...cells.map((cell) => cell[axis])));
  const [width, height] = [0, 1].map((axis) => Math.max(...cells.map((cell) => cell[axis])) + 1 - [left, top][axis]);
  const inside = new Uint8Array(width * height);
  for (const [x, y] of cells) inside[(y - top) * width + x - left] = 1;
  return { left, top, width, height, inside };
}

for (const [name, scene] of Object.entries(scenes)) {
  test(`shapes, holes and layers are Python's: ${name}`, () => {
    const { size, boxes, visible } = scene;
    const masks = ownMasks(scene.masks.map(hardMask), boxes[0], size);
    const cuts = boxes[0].map((/** @type {number[]} */ box, /** @type {number} */ n) => (visible[0][n] ? cutOut(box, size, masks[n]) : null));
    cuts.forEach((/** @type {ReturnType<typeof cutOut>} */ cut, /** @type {number} */ n) => {
      if (!cut) {
        assert.equal(scene.feathers[n], null);
        return;
      }
      assertNear([cut.feather], [scene.feathers[n]], 1e-9);
      for (const [found, expected] of [[cut.shape, scene.shapes[n]], [cut.hole, scene.holes[n]]]) {
        assert.deepEqual([found.left, found.top, found.height], [expected.left, expected.top, expected.alpha.length]);
        assertNear(found.alpha, expected.alpha.flat().map((/** @type {number} */ value) => value / 10000), 6e-5);
      }
    });
    const pairs = ownedPairs(boxes[0], cuts);
    assert.deepEqual(pairs, scene.pairs);
    boxes.forEach((/** @type {number[][]} */ now, /** @type {number} */ f) => {
      const openness = cuts.map((/** @type {any} */ cut, /** @type {number} */ n) => (cut ? opennessOf(boxes[0][n], now[n], visible[f][n], cut.feather) : 0));
      assertNear(openness, scene.openness[f], 1e-9);
      const layers = layersOf(openness, cuts.map((/** @type {unknown} */ cut, /** @type {number} */ n) => Boolean(cut) && visible[f][n]), pairs);
      assert.deepEqual(layers.map(({ kind, object, inner }) => [kind, object, inner]), scene.layers[f].map((/** @type {any[]} */ layer) => layer.slice(0, 3)));
      layers.forEach(({ kind, object, opacity }, at) => {
        const part = kind === "hole" ? cuts[object].hole : cuts[object].shape;
        const to = kind === "hole" ? boxes[0][object] : now[object];
        assertNear([...movedPart(part, boxes[0][object], to), opacity], scene.layers[f][at].slice(3), 1e-9);
      });
    });
  });
}

test("fillings are Python's", () => {
  for (const { image, known, filled } of fills) {
    const cells = { width: image[0].length, height: image.length, data: Float32Array.from(image.flat(2)) };
    assertNear([...fillSoftly(cells, Float32Array.from(known.flat())).data], filled.flat(2), 2e-5);
  }
});

test("a mask that is the filled box is no shape, and outside there is none", () => {
  const box = [4.4, 3.6, 10, 8];
  const filled = { left: 4, top: 4, width: 10, height: 8, inside: new Uint8Array(80).fill(1) };
  assert.deepEqual(cutOut(box, [64, 48], filled), cutOut(box, [64, 48]));
  assert.equal(cutOut([-30, 3, 10, 8], [64, 48]), null);
  const cut = cutOut([60, 3, 10, 8], [64, 48]);
  assert.ok(cut);
  assert.ok(opacityAt(cut.shape, 63, 7) > 0.9);
  assert.equal(opacityAt(cut.hole, 64, 7), 0);
});

test("what comes later in the list passes in front", () => {
  const layers = layersOf([1, 1, 1], [true, true, true], []).filter(({ kind }) => kind === "object");
  assert.deepEqual(layers.map(({ object }) => object), [0, 1, 2]);
});
