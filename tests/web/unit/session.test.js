import assert from "node:assert/strict";
import { test } from "node:test";

import { stringify } from "../../../web/editor/model/document.js";
import { addObject, moveObjects, removeObjects } from "../../../web/editor/edit/operations.js";
import { createSession } from "../../../web/editor/edit/session.js";

const BOX = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };

/** A session with one object, and how often it has told of a change. */
function begun() {
  const told = { count: 0 };
  const session = createSession(() => {
    told.count += 1;
  });
  session.edit("draw", (document) => addObject(document, { box: BOX, frame: 0 }));
  return { session, told, id: session.state.document.objects[0].id };
}

test("a text stays letter by letter until something changes", () => {
  const session = createSession(() => {});
  const loaded = '{ "version": 1, "size": [384, 256], "frames": 33 }';
  session.load(loaded);
  assert.equal(session.text(), loaded);
  session.edit("draw", (document) => addObject(document, { box: BOX, frame: 0 }));
  assert.equal(session.text(), stringify(session.state.document));
});

test("a drag is one step, told once, whatever it showed on the way", () => {
  const { session, told, id } = begun();
  const before = session.text();
  for (const dx of [0.1, 0.2, 0.3]) {
    session.draft((document) => moveObjects(document, { ids: [id], frame: 0, dx, dy: 0 }));
    assert.equal(session.text(), before);
  }
  assert.equal(session.shown.objects[0].keyframes[0].x, 0.8);
  session.keep("move");
  assert.equal(told.count, 2);
  assert.equal(session.state.document.objects[0].keyframes[0].x, 0.8);
  session.undo();
  assert.equal(session.text(), before);
});

test("a cancelled drag leaves nothing", () => {
  const { session, told, id } = begun();
  session.draft((document) => moveObjects(document, { ids: [id], frame: 0, dx: 0.1, dy: 0 }));
  session.cancel();
  assert.equal(session.keep("move"), false);
  assert.equal(told.count, 1);
});

test("what an operation refuses is announced and changes nothing", () => {
  const { session, told } = begun();
  const before = session.text();
  assert.equal(session.edit("remove", (document) => removeObjects(document, { ids: ["nobody"] })), false);
  assert.equal(session.text(), before);
  assert.equal(session.state.alarm, true);
  assert.match(session.state.message, /nobody/);
  assert.equal(told.count, 1);
});

test("what is selected is always there", () => {
  const { session, id } = begun();
  session.set({ ids: [id], keys: [{ id, frame: 0 }], locked: [id] });
  session.edit("remove", (document) => removeObjects(document, { ids: [id] }));
  assert.deepEqual([session.state.ids, session.state.keys, session.state.locked], [[], [], []]);
});

test("a broken text is kept, and nothing can be written over it", () => {
  const { session, told } = begun();
  session.load('{"version": 1,');
  assert.match(session.state.problem ?? "", /not valid JSON/);
  assert.equal(session.edit("draw", (document) => addObject(document, { box: BOX, frame: 0 })), false);
  assert.equal(session.text(), '{"version": 1,');
  assert.equal(told.count, 1);
});

test("a document of the history is gone back to, with frame and selection", () => {
  const { session, id } = begun();
  const drawn = session.text();
  session.set({ frame: 7, ids: [id] });
  session.edit("move", (document) => moveObjects(document, { ids: [id], frame: 7, dx: 0.1, dy: 0 }));
  const moved = session.text();
  session.load(drawn);
  assert.deepEqual([session.state.frame, session.state.ids], [7, [id]]);
  session.redo();
  assert.equal(session.text(), moved);
});

test("another document starts at its beginning, without a way back", () => {
  const { session, id } = begun();
  session.set({ frame: 7, ids: [id] });
  session.load('{"version":1,"size":[64,64],"frames":9,"objects":[]}');
  assert.equal(session.state.frame, 0);
  assert.equal(session.history.canUndo, false);
});

test("saved numbers have at most six decimals, and what did not change keeps its own", () => {
  const session = createSession(() => {});
  const loaded = {
    version: 1, size: [384, 256], frames: 33, fps: 23.976023976,
    objects: [
      { id: "a", keyframes: [{ frame: 0, x: 1 / 3, y: 0.1, w: 0.2, h: 0.3 }, { frame: 32, x: 2 / 3, y: 0.1, w: 0.2, h: 0.3, ease: [1 / 3, 0, 2 / 3, 1] }] },
      { id: "b", keyframes: [{ frame: 0, x: 1 / 7, y: 0.1, w: 1e-6, h: 0.3 }] },
    ],
  };
  session.load(JSON.stringify(loaded));
  session.edit("move", (document) => moveObjects(document, { ids: ["a"], frame: 0, dx: 1 / 9, dy: 0.1 + 0.2 }));
  const [a, b] = JSON.parse(session.text()).objects;
  assert.deepEqual(a.keyframes.map((/** @type {any} */ key) => [key.x, key.y, key.ease]), [
    [0.444444, 0.4, "linear"], [0.666667, 0.1, [0.333333, 0, 0.666667, 1]],
  ]);
  assert.deepEqual([b.keyframes[0].x, b.keyframes[0].w], [1 / 7, 1e-6]);
  assert.equal(session.state.document.fps, 23.976023976);
  // A step below what is saved is none.
  const before = session.text();
  session.edit("move", (document) => moveObjects(document, { ids: ["a"], frame: 0, dx: 1e-8, dy: 0 }));
  assert.equal(session.text(), before);
  // ComfyUI's undo gives the text back, and the history knows it.
  assert.equal(session.load(before), false);
});
