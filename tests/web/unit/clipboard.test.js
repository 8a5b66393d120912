import assert from "node:assert/strict";
import { test } from "node:test";

import { copyKeyframes, copyObjects, parseClip, pasteKeyframes, pasteObjects } from "../../../web/editor/edit/clipboard.js";
import { emptyDocument, parse, stringify } from "../../../web/editor/model/document.js";
import { sampleDocument } from "../../../web/editor/model/sample.js";
import { assertNear, example, framesOf, object } from "./helpers.js";

/** @param {string} text */
function readClip(text) {
  const { clip, problem } = parseClip(text);
  assert.equal(problem, undefined);
  assert.ok(clip);
  return clip;
}

test("objects go from one document to another and stay what they were", () => {
  const document = example();
  const clip = readClip(copyObjects(document, { ids: ["rock", "walk"] }));
  assert.equal(clip.kind, "objects");
  const pasted = pasteObjects(document, { clip });
  assert.deepEqual(
    pasted.objects.map(({ id }) => id),
    ["walk", "curve", "rock", "walk-2", "rock-2"],
  );
  assert.deepEqual({ ...object(pasted, "walk-2"), id: "walk", label: "dog" }, object(document, "walk"));
  assert.deepEqual(pasted.objects.map(({ label }) => label), ["dog", "cat", "rock", "dog 2", "rock 2"]);
  assert.equal(pasted.objects[0], document.objects[0]);
  assert.equal(parse(stringify(pasted)).problem, undefined);
});

test("objects that are longer than the clip are cut as trim does", () => {
  const clip = readClip(copyObjects(example(), { ids: ["walk"] }));
  const pasted = pasteObjects(emptyDocument([1000, 500], 25), { clip });
  assert.deepEqual(
    [framesOf(pasted, "walk").at(-1), object(pasted, "walk").hidden],
    [
      24,
      [
        [3, 5],
        [20, 24],
      ],
    ],
  );
  const whole = sampleDocument(example()).boxes[0];
  assertNear(sampleDocument(pasted).boxes[0], whole.subarray(0, 25 * 4), 1e-6);
});

test("keyframes land with the earliest on the frame, and replace what is there", () => {
  const document = example();
  const selection = [
    { id: "walk", frame: 8 },
    { id: "walk", frame: 14 },
  ];
  const clip = readClip(copyKeyframes(document, { selection }));
  const pasted = pasteKeyframes(document, { clip, ids: ["walk", "rock"], frame: 4 });
  assert.deepEqual(framesOf(pasted, "walk"), [2, 4, 8, 10, 14, 20, 28, 36]);
  assert.deepEqual(object(pasted, "rock").keyframes, [
    { ...object(document, "walk").keyframes[1], frame: 4 },
    { ...object(document, "walk").keyframes[2], frame: 10 },
  ]);
  assert.throws(
    () => pasteKeyframes(document, { clip, ids: ["walk"], frame: 38 }),
    /last pasted frame of "walk" is 44/,
  );
  assert.throws(() => pasteKeyframes(document, { clip, ids: [], frame: 0 }), /select at least one object/);
  assert.throws(() => pasteObjects(document, { clip }), /clipboard is "keyframes": copy objects to paste objects/);
});

test("keyframes of several objects go to as many, in order, and keep their distance", () => {
  const document = example();
  const selection = [
    { id: "curve", frame: 15 },
    { id: "walk", frame: 20 },
  ];
  const clip = readClip(copyKeyframes(document, { selection }));
  const pasted = pasteKeyframes(document, { clip, ids: ["rock", "curve"], frame: 1 });
  assert.deepEqual(
    [framesOf(pasted, "rock"), framesOf(pasted, "curve")],
    [
      [6, 10],
      [0, 1, 15, 40],
    ],
  );
  assert.throws(
    () => pasteKeyframes(document, { clip, ids: ["rock"], frame: 1 }),
    /select 2 objects, as many as were copied/,
  );
});

test("other text is left alone, and what claims to be ours is read strictly", () => {
  for (const text of ["", "hello", '{"a": 1}', "[1]", 'a "flashmotion" b']) {
    assert.deepEqual(parseClip(text), { clip: null });
  }
  const good = copyObjects(example(), { ids: ["rock"] });
  /** @type {[string, RegExp][]} */
  const wrong = [
    ['{"flashmotion":"objects"}', /^document is missing|clipboard\.document is missing/],
    [good.replace('"objects"', '"nodes"'), /clipboard\.flashmotion is "nodes": give "objects" or "keyframes"/],
    [good.replace('"x":0.5', '"x":50'), /objects\[0\]\.keyframes\[0\]\.x is 50/],
    [good.replace('"flashmotion"', '"__proto__":{},"flashmotion"'), /"__proto__" is not a known field/],
    [good.slice(0, -1), /^clipboard is not valid JSON/],
    [`{"flashmotion":"objects","document":${stringify(emptyDocument([64, 64], 5))}}`, /copy at least one object/],
    [`{"flashmotion":${"[".repeat(5000)}`, /^clipboard is nested too deeply/],
  ];
  for (const [text, sentence] of wrong) assert.match(parseClip(text).problem ?? "", sentence);
});
