import assert from "node:assert/strict";
import { test } from "node:test";

import { emptyDocument, migrate, parse, stringify } from "../../../web/editor/model/document.js";
import { MAX_TEXT } from "../../../web/editor/model/limits.js";
import { example, golden, read } from "./helpers.js";

const { texts } = golden("editor.json");

test("texts are read and refused as Python does, with the same sentence", () => {
  for (const { text, canonical, problem } of texts) {
    const found = parse(text);
    if (canonical !== undefined) {
      assert.equal(found.problem, undefined, text);
      assert.ok(found.document);
      assert.equal(stringify(found.document), canonical);
    } else if (problem.startsWith("trajectory is not valid JSON")) {
      assert.match(
        found.problem ?? "",
        /^trajectory is not valid JSON \(.+\): paste the whole document again\.$/,
        text,
      );
    } else {
      assert.equal(found.problem, problem, text);
    }
  }
});

test("the canonical text is stable", () => {
  const text = stringify(example());
  assert.equal(stringify(read(text)), text);
  assert.deepEqual(read(text), example());
});

test("a new document is empty, and limited as any other", () => {
  assert.equal(
    stringify(emptyDocument([1280, 704], 121)),
    '{"version":1,"size":[1280,704],"frames":121,"fps":24,"objects":[]}',
  );
  assert.throws(() => emptyDocument([1280, 704], 0), /frames is 0: give a whole number from 1 to 1025/);
});

const KEY = '{"frame":0,"x":0.5,"y":0.5,"w":0.1,"h":0.1}';
/** @param {string} more */
const withObject = (more) =>
  `{"version":1,"size":[64,64],"frames":5,"objects":[{"id":"a","keyframes":[${KEY}]${more}}]}`;

test("hostile texts are refused in one short sentence, quickly", () => {
  /** @type {[string, RegExp][]} */
  const hostile = [
    ["[".repeat(200_000), /^trajectory is nested too deeply/],
    ['{"a":'.repeat(200_000), /^trajectory is nested too deeply/],
    [withObject(`,"label":${"[".repeat(90)}${"]".repeat(90)}`), /label is a list of 1 items/],
    [withObject(',"__proto__":{"color":"#ffffff"}'), /objects\[0\]\."__proto__" is not a known field/],
    [withObject(',"hasOwnProperty":1'), /objects\[0\]\."hasOwnProperty" is not a known field/],
    [withObject(',"toString":1'), /objects\[0\]\."toString" is not a known field/],
    [`{"__proto__":{"version":1,"size":[64,64],"frames":5}}`, /^version is missing/],
    [
      withObject(`,"hidden":[${"[0,0],".repeat(100_000)}[0,0]]`),
      /hidden is a list of 100001 items: give a list of 0 to 512/,
    ],
    [withObject(`,"label":"${"x".repeat(1_000_000)}"`), /label is "x{40}\.\.\.": give a text of 0 to 120 characters/],
    [
      `{"version":1,"size":[64,64],"frames":5,"objects":[${"1,".repeat(500_000)}1]}`,
      /objects is a list of 500001 items/,
    ],
    [withObject(',"label":NaN'), /^trajectory contains the number NaN/],
    [withObject(',"label":"\\ud800"'), /replace the lone surrogate/],
    [withObject(`${" ".repeat(1000)},"id"${" ".repeat(1000)}:"b"`), /has the field "id" twice in one object/],
    [`${" ".repeat(MAX_TEXT)}{`, /^trajectory is a text of 10000001 characters/],
    [`{"version":1,"size":[64,64],"frames":1${"0".repeat(5000)}}`, /^frames is inf: give a whole number/],
    ['{"version":1,"size":[64,64],"frames":5,"fps":1e-400}', /^fps is 0: give a finite number above 0/],
    ['{"a":"unended', /^trajectory is not valid JSON/],
    ['{"a\\', /^trajectory is not valid JSON/],
  ];
  const start = performance.now();
  for (const [text, sentence] of hostile) {
    const { problem = "none" } = parse(text);
    assert.match(problem, sentence);
    assert.ok(problem.length < 300 && !problem.includes("\n"), problem);
  }
  // Not a speed: only a reader that runs away takes this long, on the busiest machine too.
  assert.ok(performance.now() - start < 20_000);
});

test("a text that looks like what is refused may stand inside a label", () => {
  for (const label of ["NaN", "-Infinity", '"id":"b"', "[[[[", "\\\\", "{}: "]) {
    assert.equal(read(withObject(`,"label":${JSON.stringify(label)}`)).objects[0].label, label);
  }
});

test("values that are not text are read or refused, and nothing is inherited", () => {
  assert.equal(read({ version: 1, size: [64, 64], frames: 5 }).objects.length, 0);
  for (const value of [undefined, null, 7, true, [], () => 1, Symbol("x"), new Map()]) assert.ok(parse(value).problem);
  assert.match(parse(Object.create({ version: 1, size: [64, 64], frames: 5 })).problem ?? "", /version is missing/);
  const polluted = JSON.parse('{"__proto__":{"polluted":1},"version":1,"size":[64,64],"frames":5}');
  assert.match(parse(polluted).problem ?? "", /"__proto__" is not a known field/);
  assert.equal(/** @type {any} */ ({}).polluted, undefined);
});

test("a document shares nothing with what it was read from", () => {
  const source = JSON.parse(stringify(example()));
  const document = read(source);
  source.size[0] = 1;
  source.objects[0].keyframes[0].x = 99;
  source.objects[0].keyframes[4].ease[0] = 99;
  source.objects.length = 0;
  assert.deepEqual(document, example());
});

test("older versions are migrated step by step", () => {
  /** @type {Record<number, import("../../../web/editor/model/document.js").Migration>} */
  const steps = {
    1: (old) => ({ ...old, frames: Number(old.length) + 1 }),
    2: ({ version, frames }) => ({ version, frames }),
  };
  assert.deepEqual(migrate({ version: 1, length: 4 }, steps, 3), { version: 3, frames: 5 });
  assert.deepEqual(migrate({ version: 3, frames: 4 }, steps, 3), { version: 3, frames: 4 });
  assert.throws(() => migrate({ version: 4 }, steps, 3), /version is 4: update FlashMotion, this one reads up to 3/);
  assert.throws(() => migrate({ version: 1 }, {}, 2), /it cannot be migrated \(TypeError on the way to version 2\)/);
});
