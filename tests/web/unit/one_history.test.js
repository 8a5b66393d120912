import assert from "node:assert/strict";
import { test } from "node:test";

import fc from "fast-check";

import { emptyDocument, stringify } from "../../../web/editor/model/document.js";
import { addObject } from "../../../web/editor/edit/operations.js";
import { createSession } from "../../../web/editor/edit/session.js";
import { capture, createOneHistory, documentChanges } from "../../../web/one_history.js";

const BOX = { x: 0.5, y: 0.5, w: 0.2, h: 0.2 };
const EMPTY = stringify(emptyDocument([384, 256], 33));

/** @param {unknown} value */
const copy = (value) => JSON.parse(JSON.stringify(value));

/** A graph with a plain node, an editor's node, and another one in a subgraph. @param {Record<string, string>} texts @param {number} x */
function graphOf(texts, x) {
  const inside = { id: "s", nodes: [{ id: 2, size: [1, 1], widgets_values: [texts["s:2"], 7] }], links: [] };
  const nodes = [{ id: 1, widgets_values: [texts[1], 0] }, { id: 5, widgets_values: [x] }];
  return { nodes, links: [], extra: { ds: x }, definitions: { subgraphs: [inside] } };
}

/** A page with two editors and ComfyUI's history, as its three versions that we support keep it. */
function page() {
  /** @type {Record<string, import("../../../web/editor/edit/session.js").Session>} */
  const sessions = {};
  let x = 0;
  let loads = 0;
  const state = () => copy(graphOf(Object.fromEntries(Object.entries(sessions).map(([place, session]) => [place, session.text()])), x));
  /** @param {any} graph */
  function load(graph) {
    loads += 1;
    sessions[1].load(graph.nodes[0].widgets_values[0]);
    sessions["s:2"].load(graph.definitions.subgraphs[0].nodes[0].widgets_values[0]);
    x = graph.nodes[1].widgets_values[0];
  }
  /** @param {any[]} from @param {any[]} to */
  async function step(from, to) {
    const next = from.pop();
    if (!next) return;
    to.push(tracker.activeState);
    await Promise.resolve();
    load(next);
    tracker.activeState = next;
  }
  /** @type {import("../../../web/one_history.js").Tracker} */
  const tracker = {
    activeState: {}, undoQueue: [], redoQueue: [],
    undo: () => step(tracker.undoQueue, tracker.redoQueue),
    redo: () => step(tracker.redoQueue, tracker.undoQueue),
    captureCanvasState() {
      const now = state();
      if (JSON.stringify(now) === JSON.stringify(tracker.activeState)) return;
      tracker.undoQueue.push(tracker.activeState);
      tracker.redoQueue.length = 0;
      tracker.activeState = now;
    },
  };
  const history = createOneHistory({
    tracker: () => tracker,
    state,
    apply: ({ place, to }) => (sessions[place].load(to), true),
    loaded: () => undefined,
  });
  for (const place of ["1", "s:2"]) {
    sessions[place] = createSession(() => capture(tracker), history.outer);
    sessions[place].load(EMPTY);
  }
  tracker.activeState = state();
  return {
    sessions, tracker, state, loads: () => loads,
    move() {
      x += 1;
      capture(tracker);
    },
    /** @param {string} place */
    draw: (place) => sessions[place].edit("draw", (document) => addObject(document, { box: BOX, frame: 0 })),
  };
}

test("any mix of steps, undone and redone anywhere, is one list of graphs", async () => {
  const step = fc.constantFrom("draw 1", "draw s:2", "move", "undo 1", "undo s:2", "undo graph", "redo 1", "redo s:2", "redo graph");
  await fc.assert(fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
    const { sessions, tracker, state, move, draw } = page();
    const seen = [state()];
    let at = 0;
    for (const entry of steps) {
      const [what, where] = entry.split(" ");
      if (what === "undo" || what === "redo") {
        await (where === "graph" ? tracker : sessions[where])[what]();
        at = what === "undo" ? Math.max(at - 1, 0) : Math.min(at + 1, seen.length - 1);
      } else {
        if (what === "move") move();
        else draw(where);
        seen.splice(at + 1, Infinity, state());
        at += 1;
      }
      assert.deepEqual(state(), seen[at]);
      assert.deepEqual([tracker.undoQueue.length, tracker.redoQueue.length], [at, seen.length - 1 - at]);
      assert.deepEqual([sessions[1].canUndo, sessions[1].canRedo], [at > 0, at < seen.length - 1]);
    }
  }), { numRuns: 200 });
});

test("a drawing is undone in place, anything else by ComfyUI, and both are told", async () => {
  const { sessions, loads, move, draw } = page();
  draw("1");
  move();
  draw("s:2");
  assert.equal(await sessions[1].undo(), "");
  assert.equal(loads(), 0);
  assert.equal(await sessions[1].undo(), "");
  assert.equal(loads(), 1);
  assert.equal(await sessions[1].undo(), "draw");
  assert.equal(loads(), 1);
  assert.equal(await sessions[1].undo(), undefined);
  assert.equal(await sessions[1].redo(), "draw");
});

test("keys pressed in a row wait for the graph that is loading", async () => {
  const { sessions, state, move } = page();
  const before = state();
  for (let step = 0; step < 3; step += 1) move();
  await Promise.all([sessions[1].undo(), sessions["s:2"].undo(), sessions[1].undo()]);
  assert.deepEqual(state(), before);
});

test("what ComfyUI did not note in time is noted before the undo", async () => {
  const { sessions, tracker, state, move, draw } = page();
  move();
  const before = state();
  const note = tracker.captureCanvasState;
  tracker.captureCanvasState = () => undefined;
  draw("1");
  tracker.captureCanvasState = note;
  await sessions[1].undo();
  assert.deepEqual(state(), before);
});

test("only texts that change in one way count as a change of documents", () => {
  const texts = { 1: "a", "s:2": "b" };
  const now = graphOf(texts, 0);
  assert.deepEqual(documentChanges(now, graphOf({ ...texts, "s:2": "c" }, 0)), [{ place: "s:2", from: "b", to: "c" }]);
  assert.deepEqual(documentChanges(now, { ...copy(now), extra: { ds: 9 } }), []);
  assert.equal(documentChanges(now, graphOf({ ...texts, 1: "z" }, 1)), undefined);
  assert.equal(documentChanges(now, { ...copy(now), links: [[1]] }), undefined);
  assert.equal(documentChanges(now, { ...copy(now), nodes: [] }), undefined);
  const named = (/** @type {string} */ text, /** @type {string} */ same) => ({ nodes: [{ id: 1, widgets_values: [text], widgets_values_named: { trajectory: same } }] });
  assert.equal(documentChanges(named("a", "a"), named("b", "b"))?.length, 1);
  assert.equal(documentChanges(named("a", "a"), named("b", "c")), undefined);
});
