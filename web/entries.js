/**
 * Which editor belongs to which node, through undo, reloads, subgraphs and both renderers. Reads and writes the nodes and widgets it is
 * given; does not know the app.
 */

import { nodeAt, placeOf } from "./graph.js";
import { placesOf } from "./upstream.js";

/**
 * @import { Editor } from "./editor/editor.js"
 * @import { Result } from "./editor/stage/result_picture.js"
 * @import { ComfyNode, DomWidget, Place } from "./upstream.js"
 * @import { Measures } from "./clip_inputs.js"
 * @import { Returned } from "./start_image.js"
 */

/**
 * An editor and the node that it edits for now. ComfyUI's undo, like every reload, creates all nodes again, while Nodes 2.0
 * keeps showing the old node's element. So a new node takes over the editor of the node it replaces, with its element, selection
 * and history.
 * @typedef {{editor: Editor, locale: string, node: ComfyNode, widget: DomWidget | undefined, write?: () => void, follow?: () => void,
 *   returned: readonly Returned[], use: number, results: Map<string, Result>, place?: Place, measures?: Measures}} Entry use: which of the
 *   node's places is shown, from 0; results: by `resultKey`; measures: what its last run made of the clip
 */

/** By the node's place (see `placeOf`), least recently used first. @type {Map<string, Entry>} */
const byPlace = new Map();
const MAX_KEPT = 64;
/** @type {WeakMap<ComfyNode, Entry>} */
export const entries = new WeakMap();
/** Editors of promoted widgets that are open, by the place of the subgraph's node. @type {Map<string, Entry>} */
export const promoted = new Map();
/** Nodes that stand in a graph. @type {Set<ComfyNode>} */
export const live = new Set();

/** Whether a node stands in the graph of now: ComfyUI drops a subgraph with its nodes without telling them. @param {ComfyNode} node */
function stands(node) {
  const place = placeOf(node);
  return place !== undefined && nodeAt(node.graph?.rootGraph ?? node.graph ?? undefined, place) === node;
}

/** Forget nodes that went with their subgraph. */
export function forgetGone() {
  for (const node of live) if (!stands(node)) live.delete(node);
}

/** Where an entry's node stands; a promoted widget's is inside the subgraph. @param {Entry} entry @returns {readonly Place[]} */
export function placesAt({ place, node }) {
  return place ? [place] : placesOf(node);
}

/** @param {string | undefined} graph the root graph's id @param {string} id of the node there, as the server calls it */
export const resultKey = (graph, id) => `${graph} ${id}`;

/** The entry that keeps the results of a node whose widget may be promoted. @param {Entry} entry */
export function resultsOf(entry) {
  return (entry.place && entries.get(entry.place.node)) ?? entry;
}

/**
 * Newer frontends keep a copy of every widget's value by the node's place, and a widget that is promoted to a subgraph's node starts from
 * it. For a DOM widget the copy is the value that place first had, unless we update it.
 * @param {Entry} entry
 */
export function tellFrontend({ editor, widget }) {
  if (widget?._state) widget._state.value = editor.value();
}

/**
 * The open editor of a node, or of the widget that was promoted to it.
 * @param {string} place
 * @returns {Entry | undefined}
 */
export function entryAt(place) {
  const node = [...live].find((entry) => placeOf(entry) === place);
  return node ? entries.get(node) : promoted.get(place);
}

/**
 * Give a node an editor that belonged to another.
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
 * Whether an entry belongs to a node that was moved into a subgraph or out of it. Such a node is created again with the same id, and
 * Nodes 2.0 keeps showing the old element.
 * @param {Entry} entry
 * @param {ComfyNode} node
 * @param {string} text of the node
 */
function isSameElsewhere({ editor, node: { id } }, node, text) {
  return String(id) === String(node.id) && editor.element.isConnected && editor.value() === text;
}

/**
 * The same for frontends that create the new node before they remove the old one.
 * @param {ComfyNode} removed
 */
export function followMove(removed) {
  const old = entries.get(removed);
  if (!old) return;
  for (const node of live) {
    const { editor, widget } = entries.get(node) ?? old;
    if (editor === old.editor || !widget || !stands(node) || !isSameElsewhere(old, node, editor.value())) continue;
    takeOver(old, node, widget);
    return;
  }
}

/**
 * Record an entry as the one of its node's place, instead of the one before.
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
 * The entry to use for a node that receives a text: the entry of the node it replaces, if there is one.
 * @param {Entry} entry
 * @param {string} value the text
 * @returns {Entry}
 */
export function settle(entry, value) {
  const { node, widget } = entry;
  const place = placeOf(node);
  if (place === undefined || !widget) return entry;
  const before = byPlace.get(place) ?? [...byPlace.values()].find((other) => isSameElsewhere(other, node, value));
  const gone = before && before !== entry && !(live.has(before.node) && stands(before.node)) ? before : entry;
  // An editor keeps its language.
  const kept = gone.locale === entry.locale ? gone : entry;
  if (kept !== entry) takeOver(kept, node, widget);
  else if (gone !== entry && gone.editor.element.isConnected) gone.editor.element.replaceWith(entry.editor.element);
  claim(kept);
  return kept;
}
