/**
 * One history for the graph and the editors: ComfyUI's own list of whole graphs. An editor's undo walks that list. Where a step is only
 * a change of drawings, the drawings change in place; any other step is ComfyUI's, which loads the whole graph again.
 *
 * @import { Outer } from "./editor/edit/session.js"
 *
 * @typedef {{id: unknown, widgets_values?: unknown, widgets_values_named?: unknown}} NodeState a node as a workflow file holds it
 * @typedef {{id?: unknown, nodes?: NodeState[], definitions?: {subgraphs?: GraphState[]}, extra?: Record<string, unknown>}} GraphState
 *
 * @typedef {object} Tracker ComfyUI's
 * @property {GraphState} activeState
 * @property {GraphState[]} undoQueue the next one last
 * @property {GraphState[]} redoQueue
 * @property {() => Promise<void>} undo
 * @property {() => Promise<void>} redo
 * @property {(before: GraphState) => void} [updateModified]
 * @property {() => void} [captureCanvasState] the name in newer versions
 * @property {() => void} [checkState]
 *
 * @typedef {{place: string, from: string, to: string}} Change of a node's document; the place is `placeOf`'s
 *
 * @typedef {object} Page
 * @property {() => Tracker | undefined} tracker of the workflow that is open
 * @property {() => GraphState} state of the graph now
 * @property {(change: Change) => boolean} apply whether there was an editor for it
 * @property {() => void} loaded ComfyUI has loaded a graph of its history
 */

import { same } from "./editor/edit/history.js";

/** What ComfyUI compares of two graphs, besides the nodes; the rest is not a step of its history. */
const COMPARED = ["links", "floatingLinks", "reroutes", "groups"];
/** What changes by itself: the order of execution, a node's size when its picture arrives, in older versions all sizes and places. */
const BY_ITSELF = ["order", "size", "pos"];
const WIDGETS = ["widgets_values", "widgets_values_named"];

/** Add what changed to ComfyUI's history. @param {Tracker | undefined} tracker */
export function capture(tracker) {
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.();
}

/**
 * @param {Page} page
 * @returns {{outer: () => Outer | undefined, isLoading: () => boolean}} outer: what an editor walks; undefined: there is none
 */
export function createOneHistory(page) {
  /** ComfyUI is loading a graph of its history. @type {Promise<void> | undefined} */
  let loading;

  /** @param {"undo" | "redo"} way */
  async function walk(way) {
    while (loading) await loading;
    const tracker = page.tracker();
    if (!tracker || walkInPlace(page, tracker, way)) return;
    loading = tracker[way]().then(() => {
      // What changes by itself while a graph is loaded, in older versions, must not count as a step and end the redo.
      if (page.tracker() === tracker) tracker.activeState = page.state();
    }).finally(() => {
      loading = undefined;
      page.loaded();
    });
    await loading;
  }

  return {
    outer() {
      const tracker = page.tracker();
      return tracker && {
        canUndo: tracker.undoQueue.length > 0,
        canRedo: tracker.redoQueue.length > 0,
        undo: () => walk("undo"),
        redo: () => walk("redo"),
      };
    },
    isLoading: () => loading !== undefined,
  };
}

/**
 * @param {Page} page
 * @param {Tracker} tracker
 * @param {"undo" | "redo"} way
 * @returns {boolean} false: this step needs ComfyUI
 */
function walkInPlace(page, tracker, way) {
  const now = page.state();
  // For example, it was loading a graph when the drawing changed.
  if (documentChanges(tracker.activeState, now)?.length) capture(tracker);
  const [source, target] = way === "undo" ? [tracker.undoQueue, tracker.redoQueue] : [tracker.redoQueue, tracker.undoQueue];
  const next = source.at(-1);
  if (!next) return true;
  const changes = documentChanges(now, next);
  if (!changes?.length || !changes.map(page.apply).some(Boolean)) return false;
  const found = page.state();
  if (documentChanges(found, next)?.length !== 0) return false;
  const before = tracker.activeState;
  source.pop();
  target.push(before);
  tracker.activeState = found;
  tracker.updateModified?.(before);
  return true;
}

/**
 * What turns one graph into another, if that is only documents.
 * @param {GraphState} now
 * @param {GraphState} then
 * @returns {Change[] | undefined} undefined: something else differs
 */
export function documentChanges(now, then) {
  const [nodes, others] = [nodesOf(now), nodesOf(then)];
  if (nodes.size !== others.size || !same(frameOf(now), frameOf(then))) return undefined;
  /** @type {Change[]} */
  const changes = [];
  for (const [place, node] of nodes) {
    const other = others.get(place);
    if (!other || !same(without(node, [...BY_ITSELF, ...WIDGETS]), without(other, [...BY_ITSELF, ...WIDGETS]))) return undefined;
    const found = WIDGETS.flatMap((name) => textChanges(Object(node)[name], Object(other)[name]));
    if (found.some((entry) => !entry || entry.from !== found[0]?.from || entry.to !== found[0]?.to)) return undefined;
    if (found[0]) changes.push({ place, ...found[0] });
  }
  return changes;
}

/** @param {unknown} one @param {unknown} other @returns {({from: string, to: string} | undefined)[]} undefined: no change of a text */
function textChanges(one, other) {
  if (same(one, other)) return [];
  const [values, others] = [Object(one), Object(other)];
  const names = new Set([...Object.keys(values), ...Object.keys(others)]);
  return [...names].filter((name) => !same(values[name], others[name])).map((name) => {
    const [from, to] = [values[name], others[name]];
    return typeof from === "string" && typeof to === "string" ? { from, to } : undefined;
  });
}

/** By place, subgraphs included. @param {GraphState} state @returns {Map<string, NodeState>} */
function nodesOf({ nodes = [], definitions }) {
  const inside = (definitions?.subgraphs ?? []).flatMap((graph) => (graph.nodes ?? []).map((node) => /** @type {const} */ ([`${graph.id}:${node.id}`, node])));
  return new Map([...nodes.map((node) => /** @type {const} */ ([String(node.id), node])), ...inside]);
}

/** All of a graph but its nodes. @param {GraphState} state */
function frameOf(state) {
  const subgraphs = (state.definitions?.subgraphs ?? []).map((graph) => without(graph, ["nodes"]));
  return [COMPARED.map((name) => Object(state)[name]), without(state.extra ?? {}, ["ds"]), without(state.definitions ?? {}, ["subgraphs"]), subgraphs];
}

/** @param {object} object @param {readonly string[]} names */
function without(object, names) {
  return Object.fromEntries(Object.entries(object).filter(([name]) => !names.includes(name)));
}
