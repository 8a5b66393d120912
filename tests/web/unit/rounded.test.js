import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { rounded } from "../../../web/editor/edit/rounded.js";
import { emptyDocument } from "../../../web/editor/model/document.js";
import { read } from "./helpers.js";

test("saved numbers are those of Python", () => {
  /** @type {[number, number][]} */
  const golden = JSON.parse(readFileSync(new URL("../../golden/rounded.json", import.meta.url), "utf8"));
  for (const [value, saved] of golden) {
    const document = read({ version: 1, size: [96, 64], frames: 1, objects: [{ id: "a", keyframes: [{ frame: 0, x: value, y: 0.5, w: 0.1, h: 0.1 }] }] });
    const [{ keyframes: [key] }] = rounded(document, emptyDocument([96, 64], 1)).objects;
    assert.ok(Object.is(key.x, saved), `${value}: ${key.x}`);
  }
});
