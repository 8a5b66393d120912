import assert from "node:assert/strict";
import { test } from "node:test";

import { createHistory } from "../../../web/editor/edit/history.js";
import { renameObject, setBox, setFps } from "../../../web/editor/edit/operations.js";
import { boxAt } from "../../../web/editor/model/sample.js";
import { example, object } from "./helpers.js";

test("undo and redo give back the very same documents", () => {
  const start = example();
  const history = createHistory(start);
  const renamed = renameObject(start, { id: "walk", label: "wolf" });
  const faster = setFps(renamed, { fps: 30 });
  assert.ok(history.push(renamed, "rename") && history.push(faster, "frame rate"));
  assert.deepEqual(
    [history.labels, history.undoLabel, history.redoLabel],
    [["rename", "frame rate"], "frame rate", undefined],
  );
  assert.equal(history.undo(), renamed);
  assert.equal(history.undo(), start);
  assert.deepEqual([history.canUndo, history.canRedo, history.redoLabel], [false, true, "rename"]);
  assert.equal(history.undo(), start);
  assert.equal(history.redo(), renamed);
  assert.equal(history.redo(), faster);
  assert.equal(history.redo(), faster);
  assert.equal(history.present, faster);
});

test("an equal document is not a step, even when it was created again", () => {
  const start = example();
  const history = createHistory(start);
  const box = boxAt(object(start, "rock"), 10);
  const moved = setBox(start, { id: "rock", frame: 10, box: { ...box, x: 0.6 } });
  const back = setBox(moved, { id: "rock", frame: 10, box });
  assert.notEqual(back, start);
  assert.equal(history.push(back, "move"), false);
  assert.equal(history.push(example(), "nothing"), false);
  assert.deepEqual([history.present, history.canUndo], [start, false]);
});

test("a new step forgets what was undone", () => {
  const history = createHistory(example());
  history.push(setFps(history.present, { fps: 30 }), "a");
  history.undo();
  history.push(setFps(history.present, { fps: 12 }), "b");
  assert.deepEqual([history.canRedo, history.labels], [false, ["b"]]);
});

test("the oldest steps are forgotten", () => {
  const history = createHistory(example());
  for (let n = 1; n <= 230; n += 1) history.push(setFps(history.present, { fps: n }), `${n}`);
  assert.equal(history.labels.length, 200);
  while (history.canUndo) history.undo();
  assert.equal(history.present.fps, 30);
});

test("a document from outside has no way back", () => {
  const history = createHistory(example());
  history.push(setFps(history.present, { fps: 30 }), "a");
  history.undo();
  const other = setFps(example(), { fps: 8 });
  history.replace(other);
  assert.deepEqual([history.present, history.canUndo, history.canRedo], [other, false, false]);
});
