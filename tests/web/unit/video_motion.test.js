import assert from "node:assert/strict";
import { test } from "node:test";

import { cover } from "../../../web/editor/edit/cover.js";
import { addObject } from "../../../web/editor/edit/operations.js";
import { moments, onClipOf, onVideoOf, outOfSight, resampled, takeMotion } from "../../../web/editor/edit/video_motion.js";
import { emptyDocument, parse, stringify } from "../../../web/editor/model/document.js";
import { boxAt } from "../../../web/editor/model/sample.js";
import { assertNear } from "./helpers.js";

const CLIP = emptyDocument([1280, 704], 25, 24);
const BOX = { x: 0.2, y: 0.5, w: 0.1, h: 0.2 };
/** Of the clip's frames alone. @param {ReturnType<typeof moments>} all */
const frameTimes = (all) => all.filter(({ frame }) => frame !== undefined).map(({ time }) => time);

test("a part of a video fills the clip, or keeps its speed and is cut off or ends early", () => {
  const filled = moments(CLIP, 10, { from: 2, to: 8, fit: "retime" });
  assert.equal(frameTimes(filled).length, 25);
  assert.deepEqual([filled[0], filled.at(-1)], [{ time: 2, frame: 0 }, { time: 8, frame: 24 }]);
  // A quarter of a second lies between two frames: too far for what moves.
  assert.equal(filled.length, 24 * 6 + 1);
  assertNear(frameTimes(moments(CLIP, 10, { from: 2, to: 8, fit: "trim" })), Array.from({ length: 25 }, (_, n) => 2 + n / 24), 1e-9);
  assert.equal(frameTimes(moments(CLIP, 0.5, { from: 0, to: 0.5, fit: "trim" })).length, 13);
  assert.equal(moments(CLIP, 0.5, { from: 0, to: 0.5, fit: "retime" }).length, 25);
});

test("what cannot be looked at is refused in one sentence", () => {
  const part = { from: 0, to: 1, fit: /** @type {const} */ ("retime") };
  assert.throws(() => moments({ frames: 1, fps: 24 }, 1, part), /frames is 1: give the clip at least 2 frames/);
  assert.throws(() => moments(CLIP, 1, { ...part, from: 1 }), /to is 1: give a second of the video after from, 1/);
  assert.throws(() => moments(CLIP, 1, { ...part, to: 2 }), /to is 2/);
  assert.throws(() => moments(CLIP, 1, { ...part, from: NaN }), RangeError);
  assert.throws(() => moments(CLIP, 400, { ...part, to: 400 }), /at most 120 seconds/);
  assert.equal(frameTimes(moments(CLIP, 400, { ...part, to: 400, fit: "trim" })).length, 25);
  assert.throws(() => moments(CLIP, 1, { ...part, to: 0.02, fit: "trim" }), /choose a longer part/);
});

test("boxes are read between pictures by time; a clip of more frames than the video has no steps, and one of fewer skips", () => {
  const still = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };
  const looks = Array.from({ length: 13 }, (_, n) => ({ time: n / 12, boxes: [{ ...still, x: n / 12 }, n < 6 ? still : undefined], scores: [1 - n / 100, 1] }));
  const part = { from: 0, to: 1, fit: /** @type {const} */ ("retime") };
  for (const frames of [33, 5]) {
    const all = moments({ frames, fps: 24 }, 1, part);
    const { boxes, scores } = resampled(looks, 0, all);
    assertNear(boxes.map((box) => box?.x ?? NaN), Array.from({ length: frames }, (_, f) => f / (frames - 1)), 1e-9);
    assert.deepEqual([scores.length, scores.at(-1)], [frames, 0.88]);
    const gone = resampled(looks, 1, all).boxes;
    // Seen until the first picture without it.
    assert.deepEqual(outOfSight(gone), [[(frames - 1) / 2, frames - 1]]);
  }
  // The picture at second 0.3 began before; one box alone is held.
  assert.deepEqual(resampled([{ ...looks[3], time: 0.25 }], 0, moments(CLIP, 1, { ...part, from: 0.3 })).boxes, Array(25).fill(looks[3].boxes[0]));
});

test("a portrait video lies on a landscape clip as a picture does", () => {
  const video = /** @type {const} */ ([720, 1280]);
  const { objects: [object] } = cover(addObject(emptyDocument(video, 25), { box: BOX, frame: 0 }), CLIP.size);
  const mapped = onClipOf(BOX, video, CLIP.size);
  for (const side of /** @type {const} */ (["x", "y", "w", "h"])) assert.ok(Math.abs(mapped[side] - object.keyframes[0][side]) < 1e-12);
  const back = onVideoOf(mapped, video, CLIP.size);
  for (const side of /** @type {const} */ (["x", "y", "w", "h"])) assert.ok(Math.abs(back[side] - BOX[side]) < 1e-12);
});

test("tracks become few keyframes of old and new objects; what is out of sight is hidden, and the end is held", () => {
  const before = addObject(CLIP, { box: BOX, frame: 7, label: "dog" });
  const [{ id }] = before.objects;
  const still = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };
  const moving = Array.from({ length: 20 }, (_, n) => ({ ...still, x: 0.2 + n / 40 }));
  const gap = moving.map((box, n) => (n > 7 && n < 12 ? undefined : box));
  const tracks = [{ id, label: "dog", boxes: gap }, { label: "cat", boxes: moving.slice(0, 1) }];
  const after = takeMotion(before, { tracks, video: CLIP.size, tolerance: 1 });
  const [dog, cat] = after.objects;
  assert.deepEqual([dog.label, cat.label, dog.id === id, cat.id === id], ["dog", "cat", true, false]);
  assert.deepEqual(dog.hidden, [[8, 11]]);
  assert.deepEqual(dog.keyframes.map(({ frame }) => frame), [0, 19]);
  assert.equal(cat.keyframes.length, 1);
  assert.ok(Math.abs(boxAt(dog, 24).x - moving[19].x) < 1e-9);
  assert.equal(parse(stringify(after)).problem, undefined);
  assert.deepEqual(outOfSight(gap), [[8, 11]]);
  const lost = takeMotion(before, { tracks: [{ id, label: "", boxes: moving.map((box, n) => (n > 7 ? undefined : box)) }], video: CLIP.size, tolerance: 1 });
  assert.deepEqual(lost.objects[0].hidden, [[8, 24]]);
});

test("more objects than a document holds are refused", () => {
  const boxes = [BOX];
  const tracks = Array.from({ length: 60 }, () => ({ label: "", boxes }));
  const full = takeMotion(CLIP, { tracks, video: CLIP.size, tolerance: 4 });
  assert.throws(() => takeMotion(full, { tracks: tracks.slice(0, 5), video: CLIP.size, tolerance: 4 }), /at most 64/);
});
