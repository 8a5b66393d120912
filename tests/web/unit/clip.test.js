import assert from "node:assert/strict";
import { test } from "node:test";

import { followed, onClip, OWN_CLIP } from "../../../web/editor/edit/clip.js";
import { addObject, moveObjects, setFrames, setSize } from "../../../web/editor/edit/operations.js";
import { resized } from "../../../web/editor/edit/resize.js";
import { createSession } from "../../../web/editor/edit/session.js";
import { runWords } from "../../../web/editor/panels/run_words.js";
import { ENGLISH } from "../../../web/editor/texts/texts.js";
import { example } from "./helpers.js";

const BOX = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };
const LOADED = '{ "version": 1, "size": [1280, 704], "frames": 121, "objects": [] }';

/** A session as after a workflow was loaded, with the clip that the node's inputs ask for. @param {Partial<import("../../../web/editor/edit/clip.js").Clip>} clip */
function loaded(clip) {
  const session = createSession(() => {});
  session.load(LOADED);
  session.setClip({ ...OWN_CLIP, ...clip });
  return session;
}

test("inputs of the node win over the document, as in Python, and values that are none are left out", () => {
  const document = example();
  assert.equal(onClip(document, OWN_CLIP), document);
  assert.deepEqual(onClip(document, { ...OWN_CLIP, width: 640 }), setSize(document, { width: 640, height: 500 }));
  assert.deepEqual(onClip(document, { ...OWN_CLIP, frames: 21, fit: "trim" }), setFrames(document, { frames: 21, fit: "trim" }));
  assert.equal(onClip(document, { ...OWN_CLIP, width: 5 }), document);
});

test("the editor shows the inputs' clip, and the loaded text stays until something changes", () => {
  const session = loaded({ width: 832, frames: 81 });
  assert.deepEqual([session.state.document.size, session.state.document.frames], [[832, 704], 81]);
  assert.equal(session.text(), LOADED);
  session.edit("draw", (document) => addObject(document, { box: BOX, frame: 0 }));
  assert.match(session.text(), /"size":\[832,704\],"frames":81/);
  // Undo ends at the clip of the inputs, which nobody changed.
  session.undo();
  assert.deepEqual([session.state.document.size, session.state.document.frames, session.state.clip.width], [[832, 704], 81, 832]);
});

test("inputs that step back leave the clip to the text", () => {
  const session = loaded({ width: 832 });
  session.setClip(OWN_CLIP);
  assert.deepEqual(session.state.document.size, [1280, 704]);
});

test("the inputs follow what the editor changes, undoes and redoes, but not where other nodes decide", () => {
  const session = loaded({ width: 832, frames: 81, linked: { frames: "known" } });
  session.edit("clip", (document) => setSize(document, { width: 640, height: 480 }));
  assert.deepEqual([session.state.document.size, session.state.clip.width, session.state.clip.height], [[640, 480], 640, undefined]);
  session.undo();
  assert.deepEqual([session.state.document.size, session.state.clip.width], [[832, 704], 832]);
  session.redo();
  assert.equal(session.state.clip.width, 640);
  session.edit("clip", (document) => setFrames(document, { frames: 41, fit: "retime" }));
  assert.equal(session.state.document.frames, 81);
  assert.deepEqual(followed({ ...OWN_CLIP, frames: 81, linked: { frames: "unknown" } }, session.state.document).frames, 81);
});

test("a value that another node changes later reaches the editor without a step of its history", () => {
  const session = loaded({ width: 832, linked: { width: "known" } });
  session.edit("draw", (document) => addObject(document, { box: BOX, frame: 0 }));
  const written = session.text();
  session.setClip({ ...OWN_CLIP, width: 640, linked: { width: "known" } });
  assert.equal(session.state.document.size[0], 640);
  assert.equal(session.text(), written);
  const { id } = session.state.document.objects[0];
  session.edit("move", (document) => moveObjects(document, { ids: [id], frame: 0, dx: 0.1, dy: 0 }));
  session.undo();
  session.undo();
  assert.deepEqual([session.state.document.size[0], session.history.canUndo], [640, false]);
});

test("another size keeps boxes on the picture, or in the frame where there is none", () => {
  const document = example();
  const [first] = document.objects[0].keyframes;
  assert.deepEqual(resized(document, [500, 1000], undefined).objects, document.objects);
  assert.equal(resized(document, document.size, [300, 400]), document);
  const moved = resized(document, [500, 1000], [1000, 1000]).objects[0].keyframes[0];
  // The picture is square: half of its height was in sight, now half of its width.
  assert.ok(Math.abs(moved.x - (0.5 + (first.x - 0.5) * 2)) < 1e-12 && Math.abs(moved.y - (0.5 + (first.y - 0.5) / 2)) < 1e-12);
  assert.throws(() => resized(document, [8, 1000], [1000, 1000]), RangeError);
});

test("what a run complained about is said in the editor's words", () => {
  const document = example();
  /** @param {string} message @param {string} [input] */
  const words = (message, input) => runWords({ message, input }, document, ENGLISH);
  assert.equal(words("DrawTrajectory has no objects; draw a box in the node."), ENGLISH.runNothing);
  assert.match(words("objects[0].keyframes[2].x is 9: give a finite number from -4 to 5.\n"), /: dog, keyframe at frame 14: x is 9: give/);
  assert.match(words("trajectory.objects[1].id is 3: give a text."), /: cat: id is 3: give a text\.$/);
  assert.match(words("objects[9].id is 3: give a text."), /: objects\[9\]\.id is 3/);
  assert.equal(words("Value 9999 bigger than max of 4096", "width"), "Run refused width: Value 9999 bigger than max of 4096");
});
