import assert from "node:assert/strict";
import { test } from "node:test";

import { fromCsv, toCsv } from "../../../web/editor/model/csv.js";
import { readRows } from "../../../web/editor/model/csv_rows.js";
import { parse, stringify } from "../../../web/editor/model/document.js";
import { sampleDocument } from "../../../web/editor/model/sample.js";
import { assertNear, example, golden, read } from "./helpers.js";

const { tables, readings } = golden("editor.json");

test("tables are Python's, letter by letter", () => {
  for (const { document, csv } of tables) assert.equal(toCsv(read(document)), csv);
});

test("tables are read and refused as Python does, with the same sentence", () => {
  for (const { csv, canonical, problem, ...options } of readings) {
    if (canonical === undefined) {
      // JavaScript has no floats that are written "4.0".
      const message = problem.replace(/ is (-?\d+)\.0: /, " is $1: ");
      assert.throws(() => fromCsv(csv, options), { name: "RangeError", message }, csv);
    } else {
      assert.equal(stringify(fromCsv(csv, options)), canonical, csv);
    }
  }
});

test("a table gives the same samples back", () => {
  const document = example();
  const back = fromCsv(toCsv(document), { size: document.size, fps: document.fps });
  const [one, other] = [sampleDocument(document), sampleDocument(back)];
  one.boxes.forEach((boxes, n) => assertNear(other.boxes[n], boxes, 1e-5));
  assert.deepEqual(other.visible, one.visible);
  assert.deepEqual(
    back.objects.map(({ id, label }) => [id, label]),
    document.objects.map(({ id, label }) => [id, label]),
  );
});

test("any text survives a table's quotes", () => {
  const labels = ['a "quoted" word', "a,b", "two\r\nlines\nand\rmore", "\u732b", " spaces ", '"'];
  const keyframes = [{ frame: 0, x: 0.5, y: 0.5, w: 0.1, h: 0.1 }];
  const objects = labels.map((label, n) => ({ id: `o${n}`, label, keyframes }));
  const document = read({ version: 1, size: [64, 64], frames: 2, objects });
  assert.deepEqual(
    fromCsv(toCsv(document), { size: [64, 64] }).objects.map(({ label }) => label),
    labels,
  );
});

test("rows end on their line, and blank lines are rows without cells", () => {
  assert.deepEqual(
    [...readRows('a,"b\nc"\r\n\n,')],
    [
      { cells: ["a", "b\nc"], line: 2 },
      { cells: [], line: 3 },
      { cells: ["", ""], line: 4 },
    ],
  );
  assert.deepEqual([...readRows("")], []);
  assert.throws(
    () => [...readRows("x".repeat(131073))],
    /line 1 is not CSV \(field larger than field limit \(131072\)\)/,
  );
});

test("hostile tables are refused quickly", () => {
  const start = performance.now();
  const header = "frame,id,label,x,y,w,h,visible\n";
  for (const table of [
    `"${"\n".repeat(5_000_000)}`,
    `${header}${",".repeat(1_000_000)}`,
    `${header}${"0,__proto__,,1,1,1,1,1\n".repeat(9)}`,
  ]) {
    assert.throws(() => fromCsv(table, { size: [64, 64] }), RangeError);
  }
  // Not a speed: only a reader that runs away takes this long, on the busiest machine too.
  assert.ok(performance.now() - start < 20_000);
  const named = fromCsv(`${header}0,__proto__,constructor,1,1,1,1,1\n`, { size: [64, 64] });
  assert.equal(parse(stringify(named)).document?.objects[0].id, "__proto__");
});
