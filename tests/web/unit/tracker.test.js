import assert from "node:assert/strict";
import { test } from "node:test";

import { startTracker } from "../../../web/editor/ui/tracker.js";

const BROKEN = "The browser stopped following run.webm.";
const BOXES = [{ x: 0.5, y: 0.5, w: 0.2, h: 0.2 }];
const FOUND = [{ box: BOXES[0], score: 1 }];

/** A browser's worker that works until it is told how to end. Node has none of this kind. */
class Mortal extends EventTarget {
  /** @type {Mortal | undefined} */
  static last;
  /** @type {"lives" | "fails" | "is gone"} gone: as a browser ends one for want of memory, without a word */
  fate = "lives";
  isEnded = false;

  constructor() {
    super();
    Mortal.last = this;
    queueMicrotask(() => this.tell({ ready: true }));
  }

  /** @param {object} data */
  tell(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }

  /** @param {{begin?: object}} message */
  postMessage({ begin }) {
    queueMicrotask(() => {
      if (this.fate === "fails") this.dispatchEvent(new Event("error", { cancelable: true }));
      else if (this.fate === "lives") this.tell(begin ? { plain: -1 } : { found: FOUND });
    });
  }

  terminate() {
    this.isEnded = true;
  }
}

/** A tracker with its first picture, its worker, and a clock that only this test has. @param {import("node:test").TestContext} t */
async function begun(t) {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  Object.assign(globalThis, { Worker: Mortal });
  t.after(() => Reflect.deleteProperty(globalThis, "Worker"));
  const tracker = await startTracker(BROKEN);
  const worker = /** @type {Mortal} */ (Mortal.last);
  assert.equal(tracker.isWorker, true);
  assert.equal(await tracker.begin(picture(), [4, 4], BOXES), -1);
  assert.deepEqual(await tracker.step(picture()), FOUND);
  return { tracker, worker };
}
const picture = () => new Uint8ClampedArray(64);

test("a worker that fails midway ends the following with a sentence", async (t) => {
  const { tracker, worker } = await begun(t);
  worker.fate = "fails";
  await assert.rejects(tracker.step(picture()), new RangeError(BROKEN));
  assert.ok(worker.isEnded);
});

test("so does one that is gone without a word, after a while", async (t) => {
  const { tracker, worker } = await begun(t);
  worker.fate = "is gone";
  let said = "";
  const step = tracker.step(picture()).catch((/** @type {Error} */ error) => {
    said = error.message;
  });
  t.mock.timers.tick(20_000);
  await Promise.resolve();
  assert.equal(said, "");
  t.mock.timers.tick(20_000);
  await step;
  assert.equal(said, BROKEN);
  assert.ok(worker.isEnded);
});

test("one that answers is left alone, however long the user looks at the boxes", async (t) => {
  const { tracker, worker } = await begun(t);
  t.mock.timers.tick(600_000);
  assert.ok(!worker.isEnded);
  assert.deepEqual(await tracker.step(picture()), FOUND);
  tracker.close();
  assert.ok(worker.isEnded);
});
