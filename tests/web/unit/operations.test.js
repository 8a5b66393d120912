import assert from "node:assert/strict";
import { test } from "node:test";

import { nextName } from "../../../web/editor/edit/names.js";
import * as ops from "../../../web/editor/edit/operations.js";
import { emptyDocument, parse, stringify } from "../../../web/editor/model/document.js";
import { COLORS } from "../../../web/editor/model/palette.js";
import { example, object } from "./helpers.js";

const BOX = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };
/** @param {import("../../../web/editor/model/types.js").Document} document */
const ids = (document) => document.objects.map(({ id }) => id);

test("new objects get an id, a label and the control map's colour of their place", () => {
  let document = emptyDocument([640, 480], 25);
  for (let n = 0; n < 3; n += 1) document = ops.addObject(document, { box: BOX, frame: 4 });
  assert.deepEqual(ids(document), ["o1", "o2", "o3"]);
  assert.deepEqual(
    document.objects.map(({ label }) => label),
    ["object 1", "object 2", "object 3"],
  );
  assert.deepEqual(
    document.objects.map(({ color }) => color),
    COLORS.slice(0, 3),
  );
  assert.deepEqual(object(document, "o2").keyframes, [{ frame: 4, ...BOX, ease: "linear" }]);
});

test("an id or colour that is in use is not given again", () => {
  let document = emptyDocument([640, 480], 25);
  for (let n = 0; n < 3; n += 1) document = ops.addObject(document, { box: BOX, frame: 4 });
  document = ops.addObject(ops.removeObjects(document, { ids: ["o1"] }), { box: BOX, frame: 0 });
  assert.deepEqual(ids(document), ["o2", "o3", "o4"]);
  assert.deepEqual(
    document.objects.map(({ color }) => color),
    COLORS.slice(1, 4),
  );
});

test("the first 18 objects differ in colour, and there may be 64", () => {
  let document = emptyDocument([640, 480], 25);
  for (let n = 0; n < 64; n += 1) document = ops.addObject(document, { box: BOX, frame: 0 });
  assert.equal(new Set(document.objects.slice(0, 18).map(({ color }) => color)).size, COLORS.length);
  assert.equal(new Set(ids(document)).size, 64);
  assert.throws(() => ops.addObject(document, { box: BOX, frame: 0 }), /objects would be 65: keep at most 64/);
});

test("a wrong box, frame, label or colour is refused", () => {
  const document = example();
  assert.throws(
    () => ops.addObject(document, { box: { ...BOX, x: 5.5 }, frame: 0 }),
    /x is 5.5: give a finite number from -4/,
  );
  assert.throws(() => ops.addObject(document, { box: { ...BOX, w: NaN }, frame: 0 }), /w is nan/);
  assert.throws(
    () => ops.addObject(document, { box: BOX, frame: 41 }),
    /frame is 41: give a whole number from 0 to 40/,
  );
  assert.throws(
    () => ops.renameObject(document, { id: "walk", label: "x".repeat(121) }),
    /a text of 0 to 120 characters/,
  );
  assert.throws(() => ops.recolourObject(document, { id: "walk", color: "red" }), /color is "red": give a colour/);
  assert.throws(
    () => ops.renameObject(document, { id: "gone", label: "" }),
    /id is "gone": choose one of the document's/,
  );
});

test("what did not change is shared, and what changes nothing returns the very same document", () => {
  const document = example();
  const renamed = ops.renameObject(document, { id: "walk", label: "wolf" });
  assert.equal(renamed.objects[1], document.objects[1]);
  assert.equal(object(renamed, "walk").keyframes, object(document, "walk").keyframes);
  const { x, y, w, h } = object(document, "rock").keyframes[0];
  const selection = [{ id: "walk", frame: 2 }];
  for (const same of [
    ops.renameObject(document, { id: "walk", label: "dog" }),
    ops.recolourObject(document, { id: "walk", color: "#FF4040" }),
    ops.reorderObject(document, { from: 1, to: 1 }),
    ops.setPath(document, { ids: ["walk", "rock"], path: "linear" }),
    ops.setBox(document, { id: "rock", frame: 10, box: { x, y, w, h } }),
    ops.moveObjects(document, { ids: ["walk"], frame: 3, dx: 0, dy: 0 }),
    ops.addKeyframe(document, { ids: ["walk"], frame: 8 }),
    ops.moveKeyframes(document, { selection, dFrames: 0 }),
    ops.setEase(document, { selection, ease: "in" }),
    ops.toggleHidden(document, { id: "walk", first: 3, last: 4, hidden: true }),
    ops.setFrames(document, { frames: 41, fit: "trim" }),
    ops.setSize(document, { width: 1000, height: 500 }),
    ops.setFps(document, { fps: 24 }),
    ops.staticAnchor(document, { id: "rock", frame: 10 }),
    ops.removeObjects(document, { ids: [] }),
    ops.applyCamera(document, { pan: { x: 0, y: 0 }, zoom: 1, from: 0, to: 5 }),
  ]) {
    assert.equal(same, document);
  }
});

test("copies lie on their originals at the end of the list", () => {
  const copied = ops.duplicateObjects(example(), { ids: ["rock", "walk"] });
  assert.deepEqual(ids(copied), ["walk", "curve", "rock", "o4", "o5"]);
  const [first, second] = copied.objects.slice(3);
  assert.deepEqual([first.label, second.label], ["dog 2", "rock 2"]);
  assert.equal(first.keyframes, object(copied, "walk").keyframes);
  assert.notEqual(first.color, object(copied, "walk").color);
  const again = ops.duplicateObjects(copied, { ids: ["o4"] });
  assert.equal(again.objects[5].label, "dog 3");
});

test("objects from elsewhere keep their id unless it is taken", () => {
  const document = example();
  const merged = ops.mergeObjects(ops.mergeObjects(document, document), { objects: [document.objects[2]] });
  assert.deepEqual(ids(merged).slice(3), ["walk-2", "curve-2", "rock-2", "rock-2-3"]);
  assert.equal(parse(stringify(merged)).problem, undefined);
  const short = ops.setFrames(document, { frames: 20, fit: "trim" });
  assert.throws(() => ops.mergeObjects(short, document), /last keyframe is 36: give a whole number from 0 to 19/);
});

test("reordering moves one object and keeps the others in order", () => {
  const document = example();
  assert.deepEqual(ids(ops.reorderObject(document, { from: 0, to: 2 })), ["curve", "rock", "walk"]);
  assert.deepEqual(ids(ops.reorderObject(document, { from: 2, to: 0 })), ["rock", "walk", "curve"]);
  assert.throws(() => ops.reorderObject(document, { from: 0, to: 3 }), /to is 3: give a whole number from 0 to 2/);
});

test("hidden frames are joined and cut as sets", () => {
  const document = example();
  /** @param {number} first @param {number} last @param {boolean} hidden */
  const after = (first, last, hidden) =>
    object(ops.toggleHidden(document, { id: "walk", first, last, hidden }), "walk").hidden;
  assert.deepEqual(after(6, 8, true), [
    [3, 8],
    [20, 24],
  ]);
  assert.deepEqual(after(0, 40, true), [[0, 40]]);
  assert.deepEqual(after(4, 21, false), [
    [3, 3],
    [22, 24],
  ]);
  assert.deepEqual(after(22, 22, false), [
    [3, 5],
    [20, 21],
    [23, 24],
  ]);
  assert.deepEqual(after(0, 40, false), []);
  assert.throws(() => after(5, 4, true), /last is 4: give a frame not before the interval's first, 5/);
});

test("no more hidden intervals than a document holds", () => {
  let document = ops.addObject(emptyDocument([64, 64], 1025), { box: BOX, frame: 0 });
  for (let n = 0; n < 512; n += 1) {
    document = ops.toggleHidden(document, { id: "o1", first: 2 * n, last: 2 * n, hidden: true });
  }
  assert.equal(object(document, "o1").hidden.length, 512);
  assert.throws(
    () => ops.toggleHidden(document, { id: "o1", first: 1024, last: 1024, hidden: true }),
    /hidden is a list of 513 items: keep at most 512/,
  );
});

test("new objects never repeat a name", () => {
  const box = { x: 0.5, y: 0.5, w: 0.1, h: 0.1 };
  /** @param {import("../../../web/editor/model/types.js").Document} document */
  const names = ({ objects }) => objects.map(({ id, label }) => label || id);
  const add = (/** @type {import("../../../web/editor/model/types.js").Document} */ document) => ops.addObject(document, { box, frame: 0 });
  const three = add(add(add(emptyDocument([384, 256], 33))));
  assert.deepEqual(names(three), ["object 1", "object 2", "object 3"]);
  const next = add(ops.removeObjects(three, { ids: ["o1"] }));
  assert.deepEqual(names(next), ["object 2", "object 3", "object 4"]);
  // A copy, a copy of the copy, pasted ones and those of a detector, whose labels repeat.
  const copied = ops.duplicateObjects(ops.duplicateObjects(next, { ids: ["o2"] }), { ids: ["o2"] });
  const merged = ops.mergeObjects(copied, { objects: [...three.objects, ...three.objects] });
  assert.equal(new Set(names(merged)).size, merged.objects.length);
  const long = ops.renameObject(three, { id: "o1", label: "x".repeat(120) });
  const twice = ops.duplicateObjects(ops.duplicateObjects(long, { ids: ["o1"] }), { ids: ["o1"] });
  assert.equal(new Set(names(twice)).size, 5);
  // A name in words of another language.
  assert.equal(nextName(three.objects, (place) => `object ${place - 2}`), "object 4");
  assert.equal(nextName([{ id: "Objekt 1", label: "" }, { id: "a", label: "Objekt 3" }], (place) => `Objekt ${place}`), "Objekt 4");
});
