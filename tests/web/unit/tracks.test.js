import assert from "node:assert/strict";
import { test } from "node:test";

import { stringify } from "../../../web/editor/model/document.js";
import { readTracks } from "../../../web/editor/model/import_tracks.js";
import { decodeText } from "../../../web/editor/model/read_text.js";
import { CHINESE, ENGLISH } from "../../../web/editor/texts/texts.js";
import { golden } from "./helpers.js";

const { cases, sentences } = golden("tracks.json");

for (const { name, text, choices, canonical, notices, problem } of cases) {
  test(`tracks as Python reads them: ${name}`, () => {
    if (problem === undefined) {
      const found = readTracks(text, choices);
      assert.equal(stringify(found.document), canonical);
      assert.deepEqual(found.notices.map((notice) => [notice.name, ...notice.values]), notices);
    } else {
      // JavaScript has no floats that are written "4.0"; the reason for wrong JSON is each language's own.
      const message = problem.replace(/ is (-?\d+)\.0: /, " is $1: ").replace(/ JSON \(.*\): /, " JSON (): ");
      assert.throws(() => readTracks(text, choices), (error) => {
        assert.ok(error instanceof RangeError, String(error));
        assert.equal(error.message.replace(/ JSON \(.*\): /, " JSON (): "), message);
        return true;
      });
    }
  });
}

test("the editor has every notice in both languages, and Python's sentences in English", () => {
  /** @param {Record<string, string>} texts */
  const notices = (texts) => Object.fromEntries(Object.entries(texts).filter(([key]) => key.startsWith("notice_")).map(([key, text]) => [key.slice(7), text]));
  assert.deepEqual(notices(ENGLISH), sentences);
  const chinese = notices(CHINESE);
  assert.deepEqual(Object.keys(chinese).sort(), Object.keys(sentences).sort());
  for (const [name, text] of Object.entries(chinese)) {
    assert.deepEqual(text.match(/\{\d\}/g)?.sort(), sentences[name].match(/\{\d\}/g)?.sort(), name);
  }
});

test("a file's bytes become text without their mark", () => {
  /** @param {readonly number[]} bytes */
  const read = (...bytes) => decodeText(new Uint8Array(bytes).buffer, "a.csv");
  assert.equal(read(), "");
  assert.equal(read(0xef, 0xbb, 0xbf, 0x61), "a");
  assert.equal(read(0xff, 0xfe, 0x61, 0x00), "a");
  assert.equal(read(0xfe, 0xff, 0x00, 0x61), "a");
  assert.throws(() => read(0x61, 0xe9), { name: "RangeError", message: "a.csv is not UTF-8 text: save it as UTF-8 text." });
});
