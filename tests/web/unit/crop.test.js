import assert from "node:assert/strict";
import { test } from "node:test";

import { cover } from "../../../web/editor/edit/cover.js";
import { cropOf, cutShare, fitSize, followPicture, isCut, sameShape } from "../../../web/editor/model/crop.js";
import { nearestClip, nearestLength, nearestSide, nearestWithin } from "../../../web/editor/model/nearest.js";
import { assertNear, example, golden } from "./helpers.js";

const { crops, generated } = golden("editor.json");

test("a picture is cropped to the same pixels as in Python", () => {
  for (const { picture, size, crop } of crops) {
    const found = cropOf(picture, size);
    assert.deepEqual(found && [found.x, found.y, found.width, found.height], crop ?? undefined, `${picture} in ${size}`);
  }
});

test("the nearest side and length are ones that Python takes, and the nearest of them", () => {
  for (const [index, nearest] of [nearestSide, nearestLength].entries()) {
    const { name, values } = generated[index];
    for (let value = -5; value < values.at(-1); value += 1) {
      const found = nearest(value);
      assert.ok(values.includes(found), `${name}: ${value} -> ${found}`);
      const away = Math.min(...values.map((/** @type {number} */ other) => Math.abs(other - value)));
      assert.equal(Math.abs(found - value), away, `${name}: ${value} -> ${found}`);
    }
  }
  assert.deepEqual([nearestSide(700), nearestSide(100), nearestLength(20)], [704, 96, 21]);
  assert.deepEqual([nearestSide(1e9), nearestLength(1e9)], [4096, 1025]);
  assert.deepEqual([nearestWithin(0, 9, true)(3.6), nearestWithin(0, 9)(3.6), nearestWithin(0, 9)(-1)], [4, 3.6, 0]);
  assert.equal(nearestClip({ size: [1280, 704], frames: 121 }), undefined);
  assert.deepEqual(nearestClip({ size: [700, 100], frames: 20 }), { size: [704, 96], frames: 21 });
});

test("a portrait photograph asks for a portrait clip of about as many pixels", () => {
  for (const picture of /** @type {const} */ ([[3024, 4032], [1080, 1920], [1000, 1000], [4000, 500], [613, 800]])) {
    for (const size of /** @type {const} */ ([[1280, 704], [384, 256], [832, 480]])) {
      const fitted = fitSize(picture, size);
      assert.deepEqual(fitted.map(nearestSide), fitted);
      const pixels = (fitted[0] * fitted[1]) / (size[0] * size[1]);
      assert.ok(pixels >= 0.75 && pixels < 1.4, `${picture} in ${size}: ${fitted}`);
      assert.deepEqual(fitSize(picture, fitted), fitted);
      assert.ok(!isCut(picture, fitted), `${picture} in ${fitted}`);
    }
  }
  assert.deepEqual(fitSize([3024, 4032], [1280, 704]), [832, 1120]);
  assert.ok(isCut([3024, 4032], [1280, 704]));
  assert.ok(Math.abs(cutShare([704, 1280], [1280, 704]) - (1 - 0.55 ** 2)) < 1e-12);
  assert.ok(!isCut([1920, 1080], [1280, 704]));
  assert.ok(sameShape([1280, 960], [4000, 3000]) && !sameShape([1280, 960], [1280, 720]));
});

test("boxes follow the picture, there and back, by one side or by both", () => {
  const document = example();
  const picture = /** @type {const} */ ([600, 800]);
  const back = followPicture(followPicture(followPicture(document, [704, 500], picture), [704, 1280], picture), document.size, picture);
  document.objects.forEach(({ keyframes }, index) => {
    keyframes.forEach(({ x, y, w, h }, k) => {
      const found = back.objects[index].keyframes[k];
      assertNear([found.x, found.y, found.w, found.h], [x, y, w, h], 1e-12);
    });
  });
});

test("boxes follow a picture of the old clip's shape as connected boxes do", () => {
  const document = example();
  const [one, other] = [followPicture(document, [704, 1280], document.size), cover(document, [704, 1280])];
  assert.deepEqual(one.size, other.size);
  one.objects.forEach(({ keyframes }, index) => {
    keyframes.forEach(({ x, y, w, h }, k) => {
      const found = other.objects[index].keyframes[k];
      assertNear([x, y, w, h], [found.x, found.y, found.w, found.h], 1e-12);
    });
  });
});
