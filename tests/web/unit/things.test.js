import assert from "node:assert/strict";
import { test } from "node:test";

import { createSession } from "../../../web/editor/edit/session.js";
import { createThings } from "../../../web/editor/stage/things.js";
import { ENGLISH } from "../../../web/editor/texts/texts.js";
import { readerOf } from "./pictures.js";

/** A red square on green, a smaller blue one in it, and white below. @type {readonly [number, number]} */
const SIZE = [320, 192];
const read = readerOf(...SIZE, (x, y) => {
  if (x >= 190 && x < 200 && y >= 60 && y < 70) return [30, 30, 230];
  if (y >= 130) return [250, 250, 250];
  return x >= 160 && x < 220 && y >= 50 && y < 110 ? [210, 40, 40] : [60, 150, 60];
});

/** @type {any} */
const page = globalThis;

// The only parts of a page that it needs: a canvas that gives the pixels of the picture.
page.document = { createElement: () => canvas() };

function canvas() {
  const made = { width: 0, height: 0, setAttribute() {}, append() {}, getContext: () => ctx };
  /** @type {any} */
  let part;
  const ctx = {
    canvas: made,
    drawImage(/** @type {any} */ source, /** @type {number[]} */ ...[x, y, w, h]) {
      if (source.tainted) throw new DOMException("tainted", "SecurityError");
      part = { x: x / SIZE[0], y: y / SIZE[1], w: w / SIZE[0], h: h / SIZE[1] };
    },
    getImageData: (/** @type {number} */ _x, /** @type {number} */ _y, /** @type {number} */ width, /** @type {number} */ height) => {
      const pixels = read(part, Math.max(width, height));
      assert.deepEqual([pixels.width, pixels.height], [width, height]);
      return pixels;
    },
  };
  return made;
}

const picture = /** @type {any} */ ({ source: {}, width: SIZE[0], height: SIZE[1] });
const [IN_SQUARE, NEAR] = [{ x: 170 / 320, y: 100 / 192 }, { x: 0.02, y: 0.02 }];

/** @param {() => any} [first] */
function setUp(first = () => picture) {
  const session = createSession(() => {});
  session.edit("size", (document) => ({ ...document, size: SIZE }));
  session.set({ tool: "thing" });
  return { session, things: createThings(session, ENGLISH, first) };
}

/** @param {ReturnType<typeof setUp>} made */
async function settled({ things }) {
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (!things.isBusy()) return;
  }
}

/** x, y, w, h in pixels, rounded. @param {ReturnType<typeof setUp>} made @param {number} [n] */
function pixelBox({ session }, n = 0) {
  const { x, y, w, h } = session.state.document.objects[n].keyframes[0];
  return [(x - w / 2) * SIZE[0], (y - h / 2) * SIZE[1], w * SIZE[0], h * SIZE[1]].map((side) => Math.round(side) + 0);
}

/** To a pixel on each side. @param {ReturnType<typeof setUp>} made */
function isSquare(made) {
  const [x, y, w, h] = pixelBox(made);
  assert.ok(Math.max(Math.abs(x - 160), Math.abs(y - 50), Math.abs(x + w - 220), Math.abs(y + h - 110)) <= 1, `${[x, y, w, h]}`);
}

test("a click makes an object; the same place again takes the next larger thing, in the same object", async () => {
  const made = setUp();
  const { session, things } = made;
  const inSpot = { x: 195 / SIZE[0], y: 65 / SIZE[1] };
  things.pick(inSpot, "new", NEAR);
  assert.equal(session.state.message, ENGLISH.thingSearch);
  await settled(made);
  assert.ok(pixelBox(made)[2] < 14, String(pixelBox(made)));
  assert.match(session.state.message, /^Found: 1\d x 1\d pixels. Part \d of \d/);
  assert.deepEqual(session.state.ids, ["o1"]);
  const again = async () => {
    things.pick({ x: inSpot.x + 0.01, y: inSpot.y }, "new", NEAR);
    await settled(made);
  };
  await again();
  assert.equal(session.state.document.objects.length, 1);
  isSquare(made);
  // After the largest comes the smallest.
  await again();
  assert.ok(pixelBox(made)[2] < 14, String(pixelBox(made)));
  await session.undo();
  isSquare(made);
  await session.undo();
  await session.undo();
  assert.equal(session.state.document.objects.length, 0);
  things.pick(IN_SQUARE, "new", NEAR);
  await settled(made);
  things.pick(IN_SQUARE, "new", NEAR);
  assert.equal(session.state.message, ENGLISH.thingOnly);
});

test("a box that was drawn around the thing takes its shape; a second click elsewhere is a new object", async () => {
  const made = setUp();
  const { session, things } = made;
  session.edit("draw", (document) => ({
    ...document, objects: [{ id: "mine", label: "mine", path: "linear", hidden: [], keyframes: [{ frame: 0, x: 0.6, y: 0.4, w: 0.5, h: 0.7, ease: "linear" }] }],
  }), { ids: ["mine"] });
  things.pick(IN_SQUARE, "new", NEAR);
  await settled(made);
  assert.deepEqual(session.state.document.objects.map(({ id }) => id), ["mine"]);
  isSquare(made);
  things.pick({ x: 0.05, y: 0.9 }, "new", NEAR);
  await settled(made);
  assert.equal(session.state.document.objects.length, 2);
  assert.ok(Math.abs(pixelBox(made, 1)[1] - 130) <= 1 && pixelBox(made, 1)[2] === 320);
  session.set({ ids: ["mine"] });
  things.pick({ x: 0.05, y: 0.9 }, "add", NEAR);
  await settled(made);
  assert.equal(session.state.message, ENGLISH.saidMaskAdded);
  assert.ok(pixelBox(made)[2] === 320 && Math.abs(pixelBox(made)[3] - 142) <= 2, String(pixelBox(made)));
  things.pick({ x: 0.05, y: 0.9 }, "take", NEAR);
  await settled(made);
  isSquare(made);
});

test("a locked object is neither added to nor taken from, by click or again; a tool for fingers has no Shift", async () => {
  const made = setUp();
  const { session, things } = made;
  things.pick(IN_SQUARE, "new", NEAR);
  await settled(made);
  const { document } = session.state;
  session.set({ locked: session.state.ids });
  for (const how of /** @type {const} */ (["add", "take", "new"])) {
    session.say("");
    things.pick(how === "new" ? IN_SQUARE : { x: 0.05, y: 0.9 }, how, NEAR);
    assert.deepEqual([session.state.message, session.state.alarm, things.isBusy()], [ENGLISH.maskLocked, true, false], how);
  }
  assert.equal(session.state.document, document);
  const [none, shift, alt] = [[false, false], [true, false], [false, true]].map(([shiftKey, altKey]) => ({ shiftKey, altKey }));
  assert.deepEqual([none, shift, alt].map(things.howFor), ["new", "add", "take"]);
  session.set({ thingHow: "take" });
  assert.deepEqual([none, shift, alt].map(things.howFor), ["take", "add", "take"]);
});

test("another frame, no picture, one that cannot be read, nothing selected: each says what to do, and changes nothing", async () => {
  const made = setUp();
  const { session, things } = made;
  session.set({ frame: 7 });
  things.pick(IN_SQUARE, "new", NEAR);
  assert.deepEqual([session.state.frame, session.state.message], [0, ENGLISH.thingAtStart]);
  session.set({ behind: "map" });
  things.pick(IN_SQUARE, "new", NEAR);
  assert.deepEqual([session.state.behind, session.state.message], ["picture", ENGLISH.thingAtStart]);
  things.pick(IN_SQUARE, "add", NEAR);
  assert.equal(session.state.message, ENGLISH.thingSelectOne);
  const cases = /** @type {const} */ ([
    [undefined, ENGLISH.thingNoPicture],
    [{ ...picture, source: { seeking: true } }, ENGLISH.thingNoPicture],
    [{ ...picture, source: { tainted: true } }, ENGLISH.thingUnreadable],
  ]);
  for (const [first, sentence] of cases) {
    const other = setUp(() => first);
    other.things.pick(IN_SQUARE, "new", NEAR);
    assert.deepEqual([other.session.state.message, other.session.state.alarm], [sentence, true]);
    assert.equal(other.things.isBusy(), false);
  }
  things.pick({ x: 1.2, y: 0.5 }, "new", NEAR);
  assert.equal(things.isBusy(), false);
  assert.equal(session.state.document.objects.length, 0);
});

test("a search can be given up, and a new document ends it", async () => {
  const made = setUp();
  const { session, things } = made;
  things.pick(IN_SQUARE, "new", NEAR);
  assert.equal(things.cancel(), true);
  assert.equal(things.cancel(), false);
  await settled(made);
  assert.equal(session.state.document.objects.length, 0);
  things.pick(IN_SQUARE, "new", NEAR);
  session.load('{"version":1,"size":[64,64],"frames":5,"objects":[]}');
  await settled(made);
  assert.equal(session.state.document.objects.length, 0);
});
