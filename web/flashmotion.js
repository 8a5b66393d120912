/**
 * FlashMotion in ComfyUI's page: gives DrawTrajectory its editor. The only file that knows ComfyUI's app.
 *
 * In the server's schema `trajectory` is a STRING. Only in the browser does it get our own widget, so that links of STRING outputs,
 * saved workflows, API users and browsers without this script see an ordinary STRING.
 */

// @ts-expect-error ComfyUI serves it; it is not in this repository.
import { app } from "../../scripts/app.js";
import { foldAdvanced, showUsedAdvanced, shrinkNew } from "./advanced.js";
import { createBehind } from "./node_pictures.js";
import { showClip, watchClip } from "./clip_inputs.js";
import { createLazyEditor } from "./editor/lazy.js";
import { isTouch } from "./editor/ui/touch.js";
import { textsFor } from "./editor/texts/texts.js";
import { claim, entries, entryAt, followMove, forgetGone, live, promoted, settle, tellFrontend } from "./entries.js";
import { follow, forwardPointer, nodeAt, placeOf, textOf, whenReleased } from "./graph.js";
import { listLent } from "./lent_picture.js";
import { capture, createOneHistory } from "./one_history.js";
import { followErrors } from "./run_errors.js";
import { followRuns } from "./runs.js";
import { showInPanel } from "./panel_card.js";
import { editPromoted } from "./promoted.js";
import { takePicture } from "./take_picture.js";
import { templateMenu } from "./templates.js";
import { placesOf } from "./upstream.js";
import { watchRuns } from "./watch.js";

/**
 * @import { Entry } from "./entries.js"
 * @import { Tracker } from "./one_history.js"
 * @import { ComfyNode, DomWidget } from "./upstream.js"
 */

const NODE = "DrawTrajectory";
const INPUT = "trajectory";
// ComfyUI must not register a component of this name, or that would replace our element.
const WIDGET = "FLASHMOTION_TRAJECTORY";
// Pixels of the editor. Fingers need larger buttons.
const MIN_WIDTH = 240;
const minHeight = () => (isTouch() ? 620 : 430);
// Of a new node. With the height that its inputs ask for, it fits a screen of 900 pixels.
const WIDTH = 540;

/** @param {string} path */
const toUrl = (path) => app.api.apiURL(path);

/** @returns {Tracker | undefined} */
const trackerNow = () => app.extensionManager?.workflow?.activeWorkflow?.changeTracker;
const rootGraph = () => app.rootGraph ?? app.graph;
const captureUndo = () => capture(trackerNow());
/** Nodes that go while ComfyUI loads a graph of its history, mostly to come again. @type {Set<Entry>} */
const away = new Set();

const behind = createBehind({ get api() { return app.api; }, toUrl, root: rootGraph, toPrompt: () => app.graphToPrompt() });

/** @type {ReturnType<typeof watchRuns> | undefined} */
let watching;

const history = createOneHistory({
  tracker: trackerNow,
  state: () => JSON.parse(JSON.stringify(rootGraph().serialize())),
  apply({ place, from, to }) {
    const entry = entryAt(place);
    if (entry?.editor.value() !== from) return false;
    entry.editor.load(to);
    tellAround(entry);
    return true;
  },
  loaded() {
    for (const entry of away) if (!live.has(entry.node)) entry.editor.release();
    away.clear();
  },
});

/** @returns {string} the language that the user chose */
function locale() {
  return app.extensionManager?.setting?.get("Comfy.Locale") ?? "en";
}

/** Tell ComfyUI what an editor's document is now. @param {Entry} entry */
function tellAround(entry) {
  // A promoted widget keeps its own value, which learns of ours only through the callback.
  entry.widget?.callback?.(entry.editor.value());
  tellFrontend(entry);
  entry.write?.();
  entry.node.graph?.setDirtyCanvas?.(true, true);
}

/** @param {ComfyNode} node @returns {Entry} */
function createEntry(node) {
  const language = locale();
  const editor = createLazyEditor({
    locale: language,
    changed() {
      showClip(entry);
      claim(entry);
      tellAround(entry);
      captureUndo();
    },
    history: history.outer,
    pansGraph: () => Boolean(app.canvas?.read_only),
    forwardPointer: (event) => app.canvas && forwardPointer(app.canvas, editor.element, event),
    forwardWheel(event) {
      // Nodes 2.0 itself forwards events that bubble.
      if (!app.canvas || /** @type {{LiteGraph?: {vueNodesMode?: boolean}}} */ (globalThis).LiteGraph?.vueNodesMode) return;
      event.preventDefault();
      app.canvas.processMouseWheel(event);
    },
    refocusGraph() {
      // Or the next Delete would remove the node.
      app.canvas?.deselectAll?.();
      app.canvas?.canvas?.focus?.();
    },
    peek: () => behind.peekAt(entry),
    nextUse: () => behind.nextUse(entry),
    cancelRun: () => watching?.cancel(),
    readFile: async (url) => (await app.api.fetchApi(url.slice(toUrl("").length))).blob(),
    takePicture: (file) => takePicture(behind.placeShown(entry) ?? placesOf(entry.node)[0], file, {
      fetchApi: (path, options) => app.api.fetchApi(path, options),
      createNode: (type) => /** @type {{LiteGraph?: {createNode: (name: string) => ComfyNode | null}}} */ (globalThis).LiteGraph?.createNode(type) ?? null,
      changed: captureUndo,
    }),
  });
  /** @type {Entry} */
  const entry = { editor, locale: language, node, widget: undefined, returned: [], use: 0, results: new Map() };
  return entry;
}

/**
 * @param {ComfyNode} node
 * @param {string} name
 * @param {unknown} initial the schema's default
 * @returns {{widget: DomWidget, minWidth: number}} minWidth of the node
 */
function createWidget(node, name, initial) {
  const first = createEntry(node);
  if (typeof initial === "string") first.editor.load(initial);
  entries.set(node, first);
  const entryOf = () => entries.get(node) ?? first;
  const widget = node.addDOMWidget(name, WIDGET, first.editor.element, {
    getValue: () => entryOf().editor.value(),
    /** @param {unknown} value */
    setValue: (value) => {
      const text = textOf(value);
      const before = entryOf();
      const entry = settle(before, text);
      // The picture of the node before is gone with its graph, and a graph of the API tells nobody that it is complete.
      if (entry !== before) queueMicrotask(() => behind.refresh(node));
      entry.editor.load(text);
      tellFrontend(entry);
    },
    getMinHeight: minHeight,
    // A timeline is useful at half size too.
    hideOnZoom: false,
    margin: 6,
    afterResize: () => entryOf().editor.layout(),
  });
  first.widget = widget;
  // Nodes 2.0 would lay the input's tooltip, about the JSON, over the picture. A blank one is not shown.
  widget.tooltip = " ";
  showInPanel(widget, {
    isGraphs: (canvas) => canvas === app.canvas?.canvas || canvas === app.canvas?.bgcanvas,
    picture: () => entryOf().editor.element.querySelector("canvas"),
    text: textsFor(locale()).inPanel,
    open: () => entryOf().editor.openLarge(() => {}),
  });
  // The editor shows the run's result. Nodes 2.0 reads the first of these; the classic renderer adds its preview in the second.
  node.hideOutputImages = true;
  node.onDrawBackground = () => {};
  // ComfyUI's own asks the style sheets each time, which lays out the page for every node that is made.
  widget.computeLayoutSize = () => (widget.type === "hidden" ? { minHeight: 0, maxHeight: 0, minWidth: 0 } : { minHeight: minHeight(), minWidth: MIN_WIDTH });
  return { widget, minWidth: WIDTH };
}

app.registerExtension({
  name: "FlashMotion.TrajectoryEditor",
  ...templateMenu({
    fetchApi: (path) => app.api.fetchApi(path),
    load: (workflow, name) => app.loadGraphData(workflow, true, true, name, { openSource: "template" }),
    find: (name) => app.extensionManager?.workflow?.getWorkflowByPath?.(`workflows/${name}.json`),
    complain: (detail) => app.extensionManager?.toast?.add({ severity: "error", summary: "FlashMotion", detail }),
    locale,
  }),
  /** @param {{prototype: Record<string, unknown>}} nodeType @param {{name: string, input?: {required?: Record<string, unknown[]>}}} definition */
  beforeRegisterNodeDef(nodeType, definition) {
    const input = definition.input?.required?.[INPUT];
    if (definition.name !== NODE || !input) return;
    input[1] = { ...Object(input[1]), widgetType: WIDGET };
    follow(nodeType.prototype, "onNodeCreated", (node) => watchClip(node, (run) => whenReleased(app.canvas, run)));
    follow(nodeType.prototype, "onAdded", (node) => {
      live.add(node);
      shrinkNew(node);
      const entry = entries.get(node);
      if (entry) tellFrontend(entry);
    });
    follow(nodeType.prototype, "onRemoved", (node) => {
      live.delete(node);
      const entry = entries.get(node);
      if (entry && history.isLoading()) away.add(entry);
      else entry?.editor.release();
      followMove(node);
      queueMicrotask(() => {
        // Frontend 1.39 takes what is in a subgraph for removed when that is moved into another one.
        const place = placeOf(node);
        if (place !== undefined && !live.has(node) && nodeAt(rootGraph(), place) === node) node.onAdded?.(node.graph);
      });
    });
    // The event may come before the link's other end exists, so look once the graph is complete.
    follow(nodeType.prototype, "onConnectionsChange", (node) => queueMicrotask(() => behind.refresh(node)));
    follow(nodeType.prototype, "onAfterGraphConfigured", (node) => {
      showUsedAdvanced(node);
      behind.refresh(node);
    });
  },
  afterConfigureGraph: forgetGone,
  loadedGraphNode: listLent,
  nodeCreated: (/** @type {ComfyNode} */ node) => node.comfyClass === NODE && foldAdvanced(node),
  setup() {
    const graphId = () => rootGraph()?.id;
    followRuns(app.api, toUrl, graphId);
    followErrors(app.api, graphId);
    watching = watchRuns(app.api, toUrl, behind.showPicture, graphId);
    app.api.addEventListener("executed", (/** @type {CustomEvent<import("./node_pictures.js").Executed>} */ { detail }) => void behind.takeResult(detail));
    // For example, another file was chosen in the loader. Nothing is polled.
    app.api.addEventListener("graphChanged", () => {
      live.forEach((node) => behind.refresh(node));
      for (const entry of promoted.values()) entry.follow?.();
    });
  },
  /** @param {ComfyNode} node */
  getNodeMenuItems(node) {
    const widget = node.subgraph && node.widgets?.find(({ type, element }) => type === WIDGET && !element);
    if (!widget) return [];
    return [{ content: textsFor(locale()).editPromoted, callback: () => editPromoted(createEntry(node), widget.name, rootGraph, behind.showPicture) }];
  },
  getCustomWidgets: () => ({
    /** @param {ComfyNode} node @param {string} name @param {[string, {default?: unknown}?]} input */
    [WIDGET]: (node, name, input) => createWidget(node, name, input[1]?.default),
  }),
});
