import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { LENT, listLent } from "../../../web/lent_picture.js";

/** @param {string} image @param {unknown} values @returns {any} */
const loader = (image, values) => ({ widgets: [{ name: "image", value: image, options: { values } }] });

test("a loader that has chosen the lent picture lists it once, and the list it shared is left alone", () => {
  const shared = ["example.png"];
  const node = loader(LENT, shared);
  listLent(node);
  listLent(node);
  assert.deepEqual(node.widgets[0].options.values, ["example.png", LENT]);
  assert.deepEqual(shared, ["example.png"]);
});

test("other pictures, lists that are functions, and nodes without widgets stay as they are", () => {
  const other = loader("photo.png [temp]", ["example.png"]);
  const made = loader(LENT, () => ["example.png"]);
  for (const node of [other, made, /** @type {any} */ ({})]) listLent(node);
  assert.deepEqual(other.widgets[0].options.values, ["example.png"]);
  assert.equal(typeof made.widgets[0].options.values, "function");
});

test("the workflows ask for the picture under this name", () => {
  const text = readFileSync(new URL("../../../example_workflows/flashmotion_tiny_cpu.json", import.meta.url), "utf8");
  assert.ok(text.includes(JSON.stringify(LENT)));
});
