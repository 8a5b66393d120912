/**
 * Which editor belongs to which node, through undo, reloads, subgraphs and both renderers. Reads and writes nodes and widgets that it is
 * given; does not know the app.
 */

import { placeOf } from "./graph.js";

/**
 * @import { Editor } from "./editor/editor.js"
 * @import { ComfyNode, DomWidget } from "./upstream.js"
 */

/**
 * An editor and the node that it edits for now. ComfyUI's undo, like every reload, makes all nodes anew, and Nodes 2.0 goes
 * on showing the old node's element. So the new node takes over the editor of the one whose place it takes, element,
 * selection, history and all.
 * @typedef {{editor: Editor, node: ComfyNode, widget: DomWidget | undefined, write?: () => void}} Entry
 */

/** By the place of the node, see `placeOf`; the one used last comes last. @type {Map<string, Entry>} */
const byPlace = new Map();
const MAX_KEPT = 64;
/** @type {WeakMap<ComfyNode, Entry>} */
export const entries = new WeakMap();
/** Nodes that stand in a graph. @type {Set<ComfyNode>} */
export const live = new Set();

/**
 * Newer frontends keep a copy of every widget's value by the node's place, and a widget that is promoted to a subgraph's node begins with
 * it. For a DOM widget it is what stood in that place when it was first used, unless it is told.
 * @param {Entry} entry
 */
export function tellFrontend({ editor, widget }) {
  if (widget?._state) widget._state.value = editor.value();
}

/**
 * Let a node have an editor that stood for another.
 * @param {Entry} kept
 * @param {ComfyNode} node
 * @param {DomWidget} widget
 */
function takeOver(kept, node, widget) {
  const { element } = kept.editor;
  if (widget.element.isConnected) widget.element.replaceWith(element);
  Object.assign(widget, { element });
  Object.assign(kept, { node, widget });
  entries.set(node, kept);
}

/**
 * Whether an entry is that of a node which was moved into a subgraph or out of it: there it is made anew, with its id, and
 * Nodes 2.0 goes on showing the old element.
 * @param {Entry} entry
 * @param {ComfyNode} node
 * @param {string} text of the node
 */
function isSameElsewhere({ editor, node: { id } }, node, text) {
  return String(id) === String(node.id) && editor.element.isConnected && editor.value() === text;
}

/**
 * The same for frontends that make the new node before the old one goes.
 * @param {ComfyNode} removed
 */
export function followMove(removed) {
  const old = entries.get(removed);
  if (!old) return;
  for (const node of live) {
    const { editor, widget } = entries.get(node) ?? old;
    if (editor === old.editor || !widget || !isSameElsewhere(old, node, editor.value())) continue;
    takeOver(old, node, widget);
    return;
  }
}

/**
 * Note an entry as that of its node's place; whose was there before no longer counts.
 * @param {Entry} entry
 */
export function claim(entry) {
  const place = placeOf(entry.node);
  if (place === undefined || !entry.widget) return;
  byPlace.delete(place);
  byPlace.set(place, entry);
  const oldest = byPlace.keys().next().value;
  if (byPlace.size > MAX_KEPT && oldest !== undefined) byPlace.delete(oldest);
}

/**
 * The entry to use for a node that is given a text: that of the node whose place it takes, if there is one.
 * @param {Entry} entry
 * @param {string} value the text
 * @returns {Entry}
 */
export function settle(entry, value) {
  const { node, widget } = entry;
  const place = placeOf(node);
  if (place === undefined || !widget) return entry;
  const before = byPlace.get(place) ?? [...byPlace.values()].find((other) => isSameElsewhere(other, node, value));
  const kept = before && before !== entry && !live.has(before.node) ? before : entry;
  if (kept !== entry) takeOver(kept, node, widget);
  claim(kept);
  return kept;
}
