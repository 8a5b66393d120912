import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { copyKeyframes, copyObjects, parseClip, pasteObjects } from "../../../web/editor/edit/clipboard.js";
import { cover } from "../../../web/editor/edit/cover.js";
import { duplicateObjects, movePaths, setBox, setFrames, setSize } from "../../../web/editor/edit/operations.js";
import { rounded } from "../../../web/editor/edit/rounded.js";
import { addThing, boxHolds, clearShapes, combineShape, paintShape, setShape, shapeFrom } from "../../../web/editor/edit/shapes.js";
import { fromCells, shapeMask, toCells } from "../../../web/editor/model/first_shape.js";
import { emptyDocument, parse, stringify } from "../../../web/editor/model/document.js";
import { boxAt } from "../../../web/editor/model/sample.js";
import { documents } from "./arbitraries.js";
import { assertNear, read } from "./helpers.js";

/** @import { Document, DocumentObject } from "../../../web/editor/model/types.js" */

/** @param {readonly string[]} rows */
const maskOf = (rows) => ({ width: rows[0].length, height: rows.length, inside: Uint8Array.from(rows.join(""), (cell) => Number(cell === "#")) });
/** @param {DocumentObject} object */
const rowsOf = (object) => {
  const { columns, rows, inside } = toCells(/** @type {any} */ (object.shape));
  return Array.from({ length: rows }, (_, y) => [...inside.subarray(y * columns, (y + 1) * columns)].map((value) => (value ? "#" : ".")).join(""));
};
/** @param {DocumentObject} object @param {number} [frame] */
const corner = (object, frame = 0) => {
  const { x, y, w, h } = boxAt(object, frame);
  return [x - w / 2, y - h / 2, w, h];
};
/** An object of 100 x 100 pixels whose one keyframe more is twice as large. @returns {Document} */
const two = () => read({
  version: 1, size: [400, 200], frames: 9,
  objects: [{ id: "a", keyframes: [{ frame: 0, x: 0.5, y: 0.5, w: 0.25, h: 0.5 }, { frame: 8, x: 0.6, y: 0.5, w: 0.5, h: 1 }] }],
});

test("a thing becomes an object whose box is tight, whatever is empty around its mask", () => {
  const document = addThing(emptyDocument([400, 200], 9), { thing: { part: { x: 0.2, y: 0.4, w: 0.4, h: 0.4 }, mask: maskOf(["....", ".##.", "..#.", "...."]) }, label: "cup" });
  const [cup] = document.objects;
  assert.deepEqual(rowsOf(cup), ["##", ".#"]);
  assertNear(corner(cup), [0.3, 0.5, 0.2, 0.2], 1e-12);
  assert.equal(cup.label, "cup");
  assert.match(stringify(document), /^\{"version":2,/);
  assert.deepEqual(read(stringify(rounded(document, emptyDocument([400, 200], 9)))), rounded(document, emptyDocument([400, 200], 9)));
});

test("another shape brings all boxes along, so that the motion of the thing stays", () => {
  // The thing is the right half of the box, so on frame 8, where the box is twice as large, its right half too.
  const document = setShape(two(), { id: "a", thing: { part: { x: 0.5, y: 0.25, w: 0.125, h: 0.5 }, mask: maskOf(["#"]) } });
  const [object] = document.objects;
  assertNear(corner(object), [0.5, 0.25, 0.125, 0.5], 1e-12);
  assertNear(corner(object, 8), [0.6, 0, 0.25, 1], 1e-12);
});

test("the brush adds to a box and beyond it, and takes away, to the pixel", () => {
  const added = paintShape(two(), { id: "a", points: [{ x: 0.5, y: 0.5 }, { x: 0.75, y: 0.5 }], radius: 10, add: true });
  const [object] = added.objects;
  assertNear(corner(object), [0.375, 0.25, 0.4, 0.5], 0.003);
  const mask = shapeMask(/** @type {any} */ (object.shape), corner(object).map((side, n) => side * [400, 200][n % 2]), [400, 200]);
  assert.ok(mask);
  /** @param {number} x @param {number} y */
  const at = (x, y) => mask.inside[(y - mask.top) * mask.width + x - mask.left];
  assert.deepEqual([at(160, 60), at(240, 60), at(260, 60), at(290, 100), at(308, 100), at(290, 115)], [1, 1, 0, 1, 1, 0]);
  const taken = paintShape(added, { id: "a", points: [{ x: 0.375, y: 0.5 }], radius: 10, add: false });
  assert.equal(toCells(/** @type {any} */ (taken.objects[0].shape)).inside[0], 1);
  assert.deepEqual(corner(taken.objects[0]), corner(object));
  assert.throws(() => paintShape(added, { id: "a", points: [{ x: 0.5, y: 0.5 }], radius: 400, add: false }), /mask of "a" would be empty: leave some of it/);
});

test("the brush leaves the frame's outside alone, and one smaller than a cell still paints", () => {
  const document = two();
  assert.equal(paintShape(document, { id: "a", points: [{ x: -0.5, y: -0.5 }], radius: 10, add: true }), document);
  const [edge] = paintShape(document, { id: "a", points: [{ x: 0.01, y: 0.5 }], radius: 30, add: true }).objects;
  assert.ok(corner(edge)[0] >= -0.003);
  const coarse = setShape(document, { id: "a", thing: { part: { x: 0.25, y: 0.25, w: 0.5, h: 0.5 }, mask: maskOf(["##", "#."]) } });
  const [filled] = paintShape(coarse, { id: "a", points: [{ x: 0.63, y: 0.63 }], radius: 1, add: true }).objects;
  assert.deepEqual(rowsOf(filled), ["##", "##"]);
});

test("things are added and taken away", () => {
  const thing = { part: { x: 0.5, y: 0.5, w: 0.25, h: 0.25 }, mask: maskOf(["#"]) };
  const [more] = combineShape(two(), { id: "a", thing, add: true }).objects;
  assertNear(corner(more), [0.375, 0.25, 0.375, 0.5], 1e-9);
  assert.equal(rowsOf(more)[0].at(-1), ".");
  assert.equal(rowsOf(more).at(-1)?.at(-1), "#");
  const [less] = combineShape(two(), { id: "a", thing, add: false }).objects;
  assertNear(corner(less), [0.375, 0.25, 0.25, 0.5], 1e-9);
  assert.equal(rowsOf(less).at(-1)?.at(-1), ".");
});

test("shapes stay within the limits: cells and runs", () => {
  const checks = { width: 900, height: 700, inside: Uint8Array.from({ length: 630_000 }, (_, i) => (Math.floor(i / 900) + i) % 2) };
  const shape = shapeFrom(checks);
  assert.ok(shape.columns <= 512 && shape.rows <= 512 && shape.runs.length <= 4096);
  const dots = { width: 512, height: 512, inside: Uint8Array.from({ length: 512 * 512 }, (_, i) => Number(i % 7 === 0)) };
  assert.ok(shapeFrom(dots).runs.length <= 4096);
  const line = { width: 512, height: 1, inside: new Uint8Array(512).fill(1) };
  assert.deepEqual(shapeFrom(line), { columns: 512, rows: 1, runs: [0, 512] });
});

test("a shape goes wherever its object and its box go", () => {
  const document = setShape(two(), { id: "a", thing: { part: { x: 0.375, y: 0.25, w: 0.25, h: 0.5 }, mask: maskOf([".#", "##"]) } });
  const { shape } = document.objects[0];
  for (const changed of [
    duplicateObjects(document, { ids: ["a"] }), movePaths(document, { ids: ["a"], dx: 0.1, dy: 0 }), setSize(document, { width: 320, height: 320 }),
    setFrames(document, { frames: 5, fit: "trim" }), setFrames(document, { frames: 33, fit: "retime" }),
    setBox(document, { id: "a", frame: 0, box: { x: 0.2, y: 0.2, w: 0.1, h: 0.1 } }), cover(document, [320, 320]),
    pasteObjects(document, { clip: /** @type {any} */ (parseClip(copyObjects(document, { ids: ["a"] })).clip) }),
    read(stringify(document)),
  ]) assert.deepEqual(changed.objects.at(-1)?.shape, shape);
  // Cropped as its box is: the same pixels of the picture.
  const [box, now] = [document, cover(document, [320, 320])].map(({ objects }) => corner(objects[0]));
  assertNear([now[2] / box[2], now[3] / box[3]], [2, 1], 1e-12);
  const keys = parseClip(copyKeyframes(document, { selection: [{ id: "a", frame: 0 }] })).clip;
  assert.equal(keys?.document.objects[0].shape, undefined);
});

test("without its shape an object is as before", () => {
  const document = setShape(two(), { id: "a", thing: { part: { x: 0.375, y: 0.25, w: 0.25, h: 0.5 }, mask: maskOf(["#"]) } });
  const without = clearShapes(document, { ids: ["a"] });
  assert.equal("shape" in without.objects[0], false);
  assert.match(stringify(without), /^\{"version":1,/);
  assert.equal(clearShapes(without, { ids: ["a"] }), without);
  assert.equal(boxHolds(without, "a", { x: 0.4, y: 0.3 }), true);
  assert.equal(boxHolds(without, "a", { x: 0.3, y: 0.3 }), false);
});

test("cells and runs are two forms of one thing, and the text keeps them", () => {
  fc.assert(fc.property(documents, (document) => {
    for (const { shape } of document.objects) if (shape) assert.deepEqual(fromCells(toCells(shape)), shape);
    assert.deepEqual(parse(stringify(document)).document, document);
  }), { numRuns: 60 });
});
