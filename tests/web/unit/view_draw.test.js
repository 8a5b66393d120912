import assert from "node:assert/strict";
import { test } from "node:test";

import { fitView } from "../../../web/editor/model/geometry.js";
import { shownObjects } from "../../../web/editor/stage/scene.js";
import { drawStage } from "../../../web/editor/stage/view_draw.js";
import { example } from "./helpers.js";

/** Every line that drawing a document leaves: its colour, its width, how many places it goes through. @param {readonly string[]} selected */
function lines(selected) {
  const document = example();
  /** @type {{color: string, width: number, places: number}[]} */
  const drawn = [];
  /** @type {Record<string, any>} */
  const state = { measureText: () => ({ width: 20 }), places: 0 };
  state.beginPath = () => (state.places = 0);
  state.lineTo = () => (state.places += 1);
  state.stroke = () => drawn.push({ color: state.strokeStyle, width: state.lineWidth, places: state.places });
  const ctx = /** @type {any} */ (new Proxy(state, { get: (of, name) => of[String(name)] ?? (() => {}) }));
  drawStage(ctx, {
    width: 500, height: 300, view: fitView(500, 300, document.size), document, frame: 10, shown: shownObjects(document, 10, selected, []), selected,
    locked: [], ghosts: undefined, playing: false, picture: undefined, covers: false, margins: false, dimmed: false, preview: undefined, guides: [],
    marquee: undefined, readout: undefined, stroke: undefined, brush: undefined, aim: undefined, reach: 8,
    theme: { text: "#ddd", muted: "#999", surface: "#222", stage: "#111", line: "#444", accent: "#4af", font: "sans" },
  });
  return drawn;
}

test("paths are seen without being selected: 2 pixels in the object's colour on a darker rim", () => {
  for (const selected of [[], ["rock"]]) {
    const paths = lines(selected).filter(({ color, places }) => places > 1 && color === "#ff4040");
    assert.deepEqual(paths.map(({ width }) => width), [2]);
  }
  const rims = lines([]).filter(({ places, width }) => places > 1 && width > 2);
  assert.ok(rims.length >= 2);
  assert.ok(rims.every(({ color }) => color !== "#ff4040"));
  assert.deepEqual(lines(["walk"]).filter(({ color, places }) => places > 1 && color === "#ff4040").map(({ width }) => width), [2.5]);
});
