/**
 * FlashMotion in ComfyUI's page: gives DrawTrajectory its editor. The only file that knows ComfyUI; `editor/` does not.
 *
 * The server's schema says that `trajectory` is a STRING. In the browser alone it gets a widget of our own, so that links of
 * STRING outputs, saved workflows, API users and browsers without this script see what they always saw.
 */

// @ts-expect-error ComfyUI serves it; it is not in this repository.
import { app } from "../../scripts/app.js";
import { createEditor } from "./editor/editor.js";
import { textsFor } from "./editor/texts.js";
import { follow, forwardPointer, placeOf, resolvedText } from "./graph.js";
import { connectedPicture, picturesOf } from "./upstream.js";

/**
 * @import { Editor } from "./editor/editor.js"
 * @import { ComfyNode, DomWidget, WidgetLike } from "./upstream.js"
 */

const NODE = "DrawTrajectory";
const INPUT = "trajectory";
// No name that ComfyUI registers a component for, or that would replace our element.
const WIDGET = "FLASHMOTION_TRAJECTORY";
const MIN_HEIGHT = 430;
// Of a new node: room for a wide picture.
const [WIDTH, HEIGHT] = [540, 920];

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
const entries = new WeakMap();
/** Nodes that stand in a graph. @type {Set<ComfyNode>} */
const live = new Set();
/** What a node's last run showed. @type {WeakMap<ComfyNode, unknown>} */
const outputs = new WeakMap();

/** One entry in ComfyUI's own undo; newer versions have another name for it. */
function captureUndo() {
  const tracker = app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
  if (tracker?.captureCanvasState) tracker.captureCanvasState();
  else tracker?.checkState?.();
}

/** @returns {string} the language that the user chose */
function locale() {
  return app.extensionManager?.setting?.get("Comfy.Locale") ?? "en";
}

/** @param {ComfyNode} node @returns {Entry} */
function createEntry(node) {
  const editor = createEditor({
    locale: locale(),
    changed() {
      settle(entry);
      // A promoted widget keeps a value of its own, which hears of ours only through the callback.
      entry.widget?.callback?.(editor.value());
      entry.write?.();
      captureUndo();
      entry.node.graph?.setDirtyCanvas?.(true, true);
    },
    pansGraph: () => Boolean(app.canvas?.read_only),
    forwardPointer: (event) => app.canvas && forwardPointer(app.canvas, editor.element, event),
    forwardWheel(event) {
      // Nodes 2.0 forwards what bubbles by itself.
      if (!app.canvas || /** @type {{LiteGraph?: {vueNodesMode?: boolean}}} */ (globalThis).LiteGraph?.vueNodesMode) return;
      event.preventDefault();
      app.canvas.processMouseWheel(event);
    },
    refocusGraph: () => app.canvas?.canvas?.focus?.(),
  });
  /** @type {Entry} */
  const entry = { editor, node, widget: undefined };
  return entry;
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
function followMove(removed) {
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
 * The entry to use for a node from now on: that of the node whose place it takes, if there is one.
 * @param {Entry} entry
 * @param {string} [value] the text that it is given
 * @returns {Entry}
 */
function settle(entry, value = "") {
  const { node, widget } = entry;
  const place = placeOf(node);
  if (place === undefined || !widget) return entry;
  const before = byPlace.get(place) ?? [...byPlace.values()].find((other) => isSameElsewhere(other, node, value));
  const kept = before && before !== entry && !live.has(before.node) ? before : entry;
  if (kept !== entry) takeOver(kept, node, widget);
  byPlace.delete(place);
  byPlace.set(place, kept);
  const oldest = byPlace.keys().next().value;
  if (byPlace.size > MAX_KEPT && oldest !== undefined) byPlace.delete(oldest);
  return kept;
}

/**
 * @param {ComfyNode} node
 * @param {string} name
 * @param {unknown} initial the schema's default
 * @returns {{widget: DomWidget, minWidth: number, minHeight: number}}
 */
function createWidget(node, name, initial) {
  const first = createEntry(node);
  if (typeof initial === "string") first.editor.load(initial);
  entries.set(node, first);
  const entryOf = () => entries.get(node) ?? first;
  const widget = node.addDOMWidget(name, WIDGET, first.editor.element, {
    getValue: () => entryOf().editor.value(),
    /** @param {unknown} value */
    setValue: (value) => settle(entryOf(), String(value)).editor.load(String(value)),
    getMinHeight: () => MIN_HEIGHT,
    // A timeline is of use at half size too.
    hideOnZoom: false,
    margin: 6,
    afterResize: () => entryOf().editor.layout(),
  });
  first.widget = widget;
  node.hideOutputImages = true;
  return { widget, minWidth: WIDTH, minHeight: HEIGHT };
}

/**
 * Whether the node's document comes through a link. A promoted widget does so too, but up to frontend 1.45 it shows this very
 * editor on the subgraph's node.
 * @param {ComfyNode} node
 */
function isLinked(node) {
  const link = node.inputs?.find(({ name }) => name === INPUT)?.link;
  if (link === undefined || link === null) return false;
  const own = entries.get(node)?.editor.element;
  /** @type {ComfyNode[]} */
  const around = app.rootGraph?.nodes ?? app.graph?.nodes ?? [];
  return !around.some((host) => host.subgraph && host.widgets?.some(({ element }) => element !== undefined && element === own));
}

/**
 * Edit a widget that was promoted to a subgraph's node, where newer frontends show none of a pack's elements.
 * @param {ComfyNode} host
 * @param {WidgetLike} widget
 */
function editPromoted(host, widget) {
  const entry = createEntry(host);
  const { editor } = entry;
  entry.write = () => {
    widget.value = editor.value();
    widget.callback?.(widget.value);
  };
  editor.load(String(widget.value));
  const inner = host.subgraph?.nodes.find(({ type }) => type === NODE);
  /** @param {string} path */
  const toUrl = (path) => app.api.apiURL(path);
  editor.setBackground(connectedPicture(host, toUrl) ?? (inner && connectedPicture(inner, toUrl)));
  editor.openLarge(() => editor.release());
}

/** @param {ComfyNode} node */
function refreshPicture(node) {
  if (!node.graph) return;
  /** @param {string} path */
  const toUrl = (path) => app.api.apiURL(path);
  const editor = entries.get(node)?.editor;
  editor?.setLinked(isLinked(node));
  editor?.setBackground(connectedPicture(node, toUrl) ?? picturesOf(outputs.get(node), toUrl));
}

app.registerExtension({
  name: "FlashMotion.TrajectoryEditor",
  /** @param {{prototype: Record<string, unknown>}} nodeType @param {{name: string, input?: {required?: Record<string, unknown[]>}}} definition */
  beforeRegisterNodeDef(nodeType, definition) {
    const input = definition.input?.required?.[INPUT];
    if (definition.name !== NODE || !input) return;
    input[1] = { ...Object(input[1]), widgetType: WIDGET };
    follow(nodeType.prototype, "onAdded", (node) => live.add(node));
    follow(nodeType.prototype, "onRemoved", (node) => {
      live.delete(node);
      entries.get(node)?.editor.release();
      followMove(node);
    });
    // Told of a link before its other end may be there: look when the graph is settled.
    follow(nodeType.prototype, "onConnectionsChange", (node) => queueMicrotask(() => refreshPicture(node)));
    follow(nodeType.prototype, "onAfterGraphConfigured", refreshPicture);
    follow(nodeType.prototype, "onExecuted", (node, output) => {
      outputs.set(node, output);
      entries.get(node)?.editor.setResolved(resolvedText(output));
      refreshPicture(node);
    });
  },
  setup() {
    // Another file chosen in the loader, for one; nothing is polled.
    app.api.addEventListener("graphChanged", () => live.forEach(refreshPicture));
  },
  /** @param {ComfyNode} node */
  getNodeMenuItems(node) {
    const widget = node.subgraph && node.widgets?.find(({ type, element }) => type === WIDGET && !element);
    if (!widget) return [];
    return [{ content: textsFor(locale()).editPromoted, callback: () => editPromoted(node, widget) }];
  },
  getCustomWidgets: () => ({
    /** @param {ComfyNode} node @param {string} name @param {[string, {default?: unknown}?]} input */
    [WIDGET]: (node, name, input) => createWidget(node, name, input[1]?.default),
  }),
});
