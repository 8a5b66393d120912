import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";

import { createFollowers } from "../../../web/editor/tracking/followers.js";
import { serve } from "../../../web/editor/tracking/worker.js";

/** @typedef {import("../../../web/editor/tracking/worker.js").Answer} Answer */

const MODULE = new URL("../../../web/editor/tracking/worker.js", import.meta.url).href;
// A browser's worker, as far as ours asks for it.
const IN_NODE = `
  const { parentPort } = require("node:worker_threads");
  globalThis.DedicatedWorkerGlobalScope = class {};
  globalThis.postMessage = (answer) => parentPort.postMessage(answer);
  globalThis.addEventListener = (name, listen) => parentPort.on(name, (data) => listen({ data }));
  void import(${JSON.stringify(MODULE)});`;
const SIZE = /** @type {const} */ ([120, 90]);
const BOXES = [{ x: 0.4, y: 0.5, w: 0.3, h: 0.3 }, { x: 0.8, y: 0.4, w: 0.2, h: 0.3 }];

/** Spots of five pixels. @param {number} seed @param {number} x @param {number} y */
const spot = (seed, x, y) => ((Math.imul(Math.floor(x / 5) + 40 * seed, 374761393) ^ Math.imul(Math.floor(y / 5) + 7, 668265263)) >>> 13) % 200;

/** Two things that go right and left over a still ground, softly drawn. @param {number} step */
function picture(step) {
  const [width, height] = SIZE;
  const rgba = new Uint8ClampedArray(width * height * 4);
  for (let i = 0; i < width * height; i += 1) {
    const [x, y] = [i % width, Math.floor(i / width)];
    const inside = BOXES.findIndex((box, n) => Math.abs(x - box.x * width - [1.5, -1][n] * step) < box.w * width / 2 && Math.abs(y - box.y * height) < box.h * height / 2);
    const shift = inside < 0 ? 0 : [1.5, -1][inside] * step;
    rgba.fill((spot(inside + 2, x - shift, y) + spot(inside + 2, x - shift + 2, y + 2)) / 2, i * 4, i * 4 + 4);
  }
  return rgba;
}

/** @param {Worker} worker @returns {Promise<Answer>} */
const answerOf = (worker) => new Promise((resolve) => {
  worker.once("message", resolve);
});

test("the worker finds what the page itself finds, to the last bit, and tells of a plain box", async () => {
  const worker = new Worker(IN_NODE, { eval: true });
  try {
    assert.deepEqual(await answerOf(worker), { ready: true });
    // A worker that fails ends the test with what it says.
    worker.on("error", (error) => {
      throw error;
    });
    const plain = new Uint8ClampedArray(SIZE[0] * SIZE[1] * 4).fill(90);
    worker.postMessage({ rgba: plain, begin: { size: SIZE, boxes: BOXES } });
    assert.deepEqual(await answerOf(worker), { plain: 0 });

    const here = createFollowers(picture(0), SIZE, BOXES);
    assert.equal(here.plain, -1);
    worker.postMessage({ rgba: picture(0), begin: { size: SIZE, boxes: BOXES } });
    assert.deepEqual(await answerOf(worker), { plain: -1 });
    for (let n = 1; n < 6; n += 1) {
      const rgba = picture(n);
      const found = here.step(rgba);
      worker.postMessage({ rgba }, [rgba.buffer]);
      assert.deepEqual(await answerOf(worker), { found });
      assert.ok(n > 3 || found.every(({ box }) => box), JSON.stringify(found));
    }
  } finally {
    await worker.terminate();
  }
});

test("it says that it is ready, and waits for the first picture", () => {
  // To import it here did nothing, as in the page, where ComfyUI loads every script.
  /** @type {Answer[]} */
  const answers = [];
  /** @type {((event: {data: import("../../../web/editor/tracking/worker.js").Picture}) => void)[]} */
  const listens = [];
  serve({ postMessage: (answer) => answers.push(answer), addEventListener: (_, listen) => listens.push(listen) });
  listens[0]({ data: { rgba: picture(1) } });
  assert.deepEqual(answers, [{ ready: true }]);
});
