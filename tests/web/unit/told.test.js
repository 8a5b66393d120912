import assert from "node:assert/strict";
import { test } from "node:test";

import { createTold } from "../../../web/editor/edit/told.js";

const CLIP = /** @type {import("../../../web/editor/edit/clip.js").Clip} */ ({ fit: "retime", linked: {} });

/** What an editor hears that is built now. @param {ReturnType<typeof createTold>} told */
function heard(told) {
  /** @type {unknown[][]} */
  const calls = [];
  const names = ["load", "setClip", "setBackground", "setResult", "setLive", "setResolved", "setRunProblem", "setLinked"];
  const editor = Object.fromEntries(names.map((name) => [name, (/** @type {unknown[]} */ ...values) => calls.push([name, ...values])]));
  told.replay(/** @type {any} */ (editor));
  return calls;
}

test("the last word on each thing counts", () => {
  const told = createTold();
  told.load("a");
  told.setLinked(true);
  told.setResolved("r", "one box left out");
  told.load("b");
  told.setLinked(false);
  assert.equal(told.text, "b");
  assert.deepEqual(heard(told), [["setResolved", "r", "one box left out"], ["load", "b"], ["setLinked", false]]);
});

test("what is said again keeps its place: a clip after a run's complaint would take that back", () => {
  const told = createTold();
  told.load("a");
  told.setClip(CLIP);
  told.setRunProblem("too long");
  told.load("a");
  told.setClip({ ...CLIP });
  assert.deepEqual(heard(told), [["load", "a"], ["setClip", CLIP], ["setRunProblem", "too long"]]);
  told.setClip({ ...CLIP, width: 640 });
  assert.deepEqual(heard(told).map(([name]) => name), ["load", "setRunProblem", "setClip"]);
});

test("the first picture after a document is the one it was drawn on, and no other", () => {
  const [cat, dog] = [{ urls: ["cat"] }, { urls: ["dog"] }];
  /** @param {({urls: string[], notice?: string} | undefined)[]} arriving */
  const pictures = (...arriving) => {
    const told = createTold();
    told.load("a");
    arriving.forEach(told.setBackground);
    return heard(told).slice(1).map(([, picture]) => picture);
  };
  assert.deepEqual(pictures(cat), [cat]);
  assert.deepEqual(pictures(cat, { ...cat }), [cat]);
  assert.deepEqual(pictures(undefined, cat), [undefined, cat]);
  assert.deepEqual(pictures(cat, dog), [undefined, dog]);
  assert.deepEqual(pictures(cat, dog, cat), [undefined, cat]);
  assert.deepEqual(pictures(cat, undefined), [undefined, undefined]);
  // What stands for the picture until a run is not the picture.
  assert.deepEqual(pictures({ ...dog, notice: "unknown" }, cat), [cat]);
});

test("a picture from before the document stays until another comes", () => {
  const cat = { urls: ["cat"] };
  const told = createTold();
  told.load("a");
  told.setBackground(cat);
  told.load("b");
  assert.deepEqual(heard(told), [["setBackground", cat], ["load", "b"]]);
  told.setBackground(cat);
  assert.deepEqual(heard(told), [["setBackground", cat], ["load", "b"], ["setBackground", cat]]);
});
