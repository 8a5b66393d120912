import assert from "node:assert/strict";
import test from "node:test";

import fc from "fast-check";

import { whatFolds } from "../../../web/editor/ui/fold.js";

const bar = (/** @type {[number, number][]} */ ...items) => items.map(([width, rank]) => ({ width, rank }));
const places = (/** @type {Set<number>} */ folded) => [...folded].sort((a, b) => a - b);

test("where there is room, nothing folds", () => {
  assert.deepEqual(places(whatFolds(bar([28, 1], [9, Infinity], [28, 2]), 65, 28)), []);
});

test("separators fold first, and ask for no menu", () => {
  assert.deepEqual(places(whatFolds(bar([28, 1], [9, Infinity], [28, 2]), 56, 28)), [1]);
});

test("the highest rank folds first and leaves room for the menu's button", () => {
  assert.deepEqual(places(whatFolds(bar([28, 3], [28, 1], [28, 2], [28, 4]), 100, 28)), [0, 3]);
});

test("equals fold together", () => {
  assert.deepEqual(places(whatFolds(bar([28, 1], [28, 2], [28, 2], [28, 2]), 100, 28)), [1, 2, 3]);
});

test("whatever folds, the rest fits or is what must stay, and nothing folds without need", () => {
  const item = fc.record({ width: fc.integer({ min: 0, max: 120 }), rank: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant(Infinity)) });
  fc.assert(fc.property(fc.array(item, { maxLength: 20 }), fc.integer({ min: 0, max: 1200 }), fc.integer({ min: 0, max: 60 }), (items, room, more) => {
    const folded = whatFolds(items, room, more);
    const menu = [...folded].some((place) => items[place].rank < Infinity) ? more : 0;
    const left = items.filter((_, place) => !folded.has(place));
    const width = left.reduce((sum, entry) => sum + entry.width, menu);
    assert.ok(width <= room || left.every((entry) => entry.rank === 0 || entry.width === 0));
    assert.equal(folded.size > 0, items.reduce((sum, entry) => sum + entry.width, 0) > room && items.some((entry) => entry.rank > 0 && entry.width > 0));
  }));
});
