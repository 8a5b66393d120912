import assert from "node:assert/strict";
import { test } from "node:test";

import { hintsOf, isFlat } from "../../../web/editor/model/hints.js";
import { read } from "./helpers.js";

const STILL = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };

/**
 * The kinds and frames of one object's hints, on a clip of 1280 x 704 pixels and 41 frames.
 * @param {Record<string, unknown>[]} keyframes
 * @param {Record<string, unknown>} [more]
 */
function hints(keyframes, more = {}) {
  const keys = keyframes.map((key) => ({ ...STILL, ...key }));
  const document = read({ version: 1, size: [1280, 704], frames: 41, objects: [{ id: "a", keyframes: keys, ...more }] });
  return (hintsOf(document).get("a") ?? []).map(({ kind, frame }) => `${kind} ${frame}`);
}

test("a calm motion has no hints", () => {
  assert.deepEqual(hints([{ frame: 0 }]), []);
  assert.deepEqual(hints([{ frame: 0, x: 0.2 }, { frame: 40, x: 0.8, w: 0.4, h: 0.4 }]), []);
});

test("faster than half its size per frame, at the first such step", () => {
  assert.deepEqual(hints([{ frame: 0, x: 0.1 }, { frame: 10, x: 0.1 }, { frame: 14, x: 0.6 }]), ["fast 10"]);
  assert.deepEqual(hints([{ frame: 0, x: 0.1 }, { frame: 5, x: 0.59 }]), []);
  assert.deepEqual(hints([{ frame: 0, y: 0.2, ease: "hold" }, { frame: 9, y: 0.8 }]), ["fast 8"]);
  // It may jump while it is hidden.
  assert.deepEqual(hints([{ frame: 0, y: 0.2, ease: "hold" }, { frame: 9, y: 0.8 }], { hidden: [[8, 9]] }), []);
});

test("leaves the frame and comes back elsewhere, but not where it left", () => {
  const out = { frame: 15, x: 1.3 };
  assert.deepEqual(hints([{ frame: 0, x: 0.8 }, out, { frame: 17, x: 1.3, y: 0.5 }, { frame: 40, x: 0.8 }]), []);
  assert.deepEqual(hints([{ frame: 0, x: 0.8, y: 0.1 }, { ...out, y: 0.1 }, { frame: 25, x: 1.3, y: 0.8 }, { frame: 40, x: 0.8, y: 0.8 }]), ["returns 32"]);
});

test("jumps in size, and smaller than a cell of the latent", () => {
  assert.deepEqual(hints([{ frame: 0 }, { frame: 4 }, { frame: 5, w: 0.3 }, { frame: 40 }]), ["grows 4"]);
  assert.deepEqual(hints([{ frame: 0 }, { frame: 30, h: 0.02 }]), ["grows 29", "small 30"]);
  assert.deepEqual(hints([{ frame: 0, w: 0.0126, h: 0.024 }]), []);
  assert.deepEqual(hints([{ frame: 0, w: 0.0124, h: 0.024 }]), ["small 0"]);
});

test("two boxes on one object: the later one says so", () => {
  const object = (/** @type {string} */ id, /** @type {number} */ x, more = {}) => ({ id, keyframes: [{ frame: 0, ...STILL, x }], ...more });
  const document = read({
    version: 1, size: [1280, 704], frames: 9,
    objects: [object("a", 0.5), object("b", 0.52), object("c", 0.58), object("d", 0.5, { hidden: [[0, 3]] })],
  });
  assert.deepEqual([...hintsOf(document)], [["b", [{ kind: "doubled", frame: 0, other: "a" }]]]);
});

test("a box on nothing in frame 0, only where there is a picture", () => {
  const [width, height] = [64, 48];
  const data = new Uint8ClampedArray(width * height * 4).fill(200);
  // A chessboard on the right half.
  for (let at = 0; at < data.length; at += 4) {
    const [x, y] = [(at / 4) % width, Math.floor(at / 4 / width)];
    if (x >= 32 && (x + y) % 2) data.fill(0, at, at + 3);
  }
  const pixels = { width, height, data };
  assert.ok(isFlat(pixels, { x: 0.25, y: 0.5, w: 0.4, h: 0.5 }));
  assert.ok(!isFlat(pixels, { x: 0.75, y: 0.5, w: 0.4, h: 0.5 }));
  assert.ok(!isFlat(pixels, { x: 2, y: 0.5, w: 0.4, h: 0.5 }));
  const document = read({ version: 1, size: [1280, 704], frames: 9, objects: [{ id: "a", keyframes: [{ frame: 0, ...STILL, x: 0.25 }] }] });
  assert.deepEqual([...hintsOf(document, pixels)], [["a", [{ kind: "empty", frame: 0 }]]]);
  assert.deepEqual([...hintsOf(document)], []);
});

test("an object that did not change is not looked through again", () => {
  const document = read({ version: 1, size: [1280, 704], frames: 1025, objects: [{ id: "a", keyframes: [{ frame: 0, ...STILL }] }] });
  let reads = 0;
  const object = new Proxy(document.objects[0], {
    get(target, name) {
      reads += Number(name === "keyframes");
      return Reflect.get(target, name);
    },
  });
  hintsOf({ ...document, objects: [object] });
  const first = reads;
  hintsOf({ ...document, fps: 30, objects: [object] });
  assert.ok(first >= 1025 && reads - first < 10, `${first}, then ${reads - first}`);
  hintsOf({ ...document, frames: 1000, objects: [object] });
  assert.ok(reads > 2 * first - 50);
});
