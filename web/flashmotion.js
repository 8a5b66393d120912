/**
 * FlashMotion in ComfyUI's page: gives DrawTrajectory its editor. The only file that knows ComfyUI's app.
 *
 * In the server's schema `trajectory` is a STRING. Only in the browser does it get our own widget, so that links of STRING outputs,
 * saved workflows, API users and browsers without this script see an ordinary STRING.
 */

// @ts-expect-error ComfyUI serves it; it is not in this repository.
import { app } from "../../scripts/app.js";
import { foldAdvanced, showUsedAdvanced, shrinkNew } from "./advanced.js";
import { clipOfEntry, measuresOf, showClip, watchClip } from "./clip_inputs.js";
import { createEditor } from "./editor/editor.js";
import { isTouch } from "./editor/ui/touch.js";
import { textsFor } from "./editor/texts/texts.js";
import { claim, entries, followMove, live, placesAt, resultsOf, settle, tellFrontend } from "./entries.js";
import { follow, forwardPointer, notesOf, resolvedText, textOf, whenReleased } from "./graph.js";
import { followErrors } from "./run_errors.js";
import { followRuns, inputsOfRun } from "./runs.js";
import { peek, peekPrompt } from "./peek.js";
import { backgroundOf, inputsNow, withResult } from "./start_image.js";
import { takePicture } from "./take_picture.js";
import { idOf, placesOf, promotedFrom } from "./upstream.js";

/**
 * @import { Entry } from "./entries.js"
 * @import { ComfyNode, DomWidget, WidgetLike } from "./upstream.js"
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

/** Add one entry to ComfyUI's own undo; newer versions name the method differently. */
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
      showClip(entry);
      claim(entry);
      // A promoted widget keeps its own value, which learns of ours only through the callback.
      entry.widget?.callback?.(editor.value());
      tellFrontend(entry);
      entry.write?.();
      captureUndo();
      entry.node.graph?.setDirtyCanvas?.(true, true);
    },
    pansGraph: () => Boolean(app.canvas?.read_only),
    forwardPointer: (event) => app.canvas && forwardPointer(app.canvas, editor.element, event),
    forwardWheel(event) {
      // Nodes 2.0 itself forwards events that bubble.
      if (!app.canvas || /** @type {{LiteGraph?: {vueNodesMode?: boolean}}} */ (globalThis).LiteGraph?.vueNodesMode) return;
      event.preventDefault();
      app.canvas.processMouseWheel(event);
    },
    refocusGraph: () => app.canvas?.canvas?.focus?.(),
    peek: () => peekAt(entry),
    takePicture: (file) => takePicture(entry.place ?? placesOf(entry.node)[0], file, {
      fetchApi: (path, options) => app.api.fetchApi(path, options),
      createNode: (type) => /** @type {{LiteGraph?: {createNode: (name: string) => ComfyNode | null}}} */ (globalThis).LiteGraph?.createNode(type) ?? null,
      changed: captureUndo,
    }),
  });
  /** @type {Entry} */
  const entry = { editor, node, widget: undefined, returned: [] };
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
      const entry = settle(entryOf(), text);
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
  // The editor shows the run's result. Nodes 2.0 reads the first of these; the classic renderer adds its preview in the second.
  node.hideOutputImages = true;
  node.onDrawBackground = () => {};
  const layout = widget.computeLayoutSize?.bind(widget);
  if (layout) widget.computeLayoutSize = (host) => ({ ...layout(host), minWidth: MIN_WIDTH });
  return { widget, minWidth: WIDTH };
}

/**
 * Whether the node's document comes through a link. A promoted widget's does too, but up to frontend 1.45 the subgraph's node shows this
 * very editor.
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
 * Edit a widget that was promoted to a subgraph's node. Newer frontends do not show a pack's elements there.
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
  const place = placesOf(host).map(({ hosts }) => promotedFrom(host, widget.name, hosts))[0];
  entry.place = place;
  if (place) showPicture(entry);
  editor.openLarge(() => editor.release());
}

/** @param {ComfyNode} node */
function refreshPicture(node) {
  const entry = node.graph && entries.get(node);
  if (!entry) return;
  entry.editor.setLinked(isLinked(node));
  showPicture(entry);
}

/** @param {Entry} entry */
function showPicture(entry) {
  const places = placesAt(entry);
  entry.editor.setClip(clipOfEntry(entry));
  entry.editor.setBackground(backgroundOf(places, resultsOf(entry).returned, toUrl));
}

/** Compute the start image alone. @param {Entry} entry */
async function peekAt(entry) {
  const [place] = placesAt(entry);
  const inputs = inputsNow(place, toUrl);
  const { output, workflow } = await app.graphToPrompt();
  const prompt = peekPrompt(output, idOf(place));
  if (!prompt) return;
  const keeper = resultsOf(entry);
  keeper.returned = withResult(keeper.returned, inputs, { start_image: await peek(app.api, prompt, workflow) }, toUrl);
  showPicture(entry);
}

/** @param {ComfyNode} node @param {unknown} output of its run */
async function takeResult(node, output) {
  const entry = entries.get(node);
  if (!entry) return;
  const resolved = resolvedText(output);
  entry.measures = measuresOf(resolved) ?? entry.measures;
  entry.editor.setRunProblem(undefined);
  entry.editor.setResolved(resolved, notesOf(output));
  const inputs = await inputsOfRun(entry);
  if (inputs) entry.returned = withResult(entry.returned, inputs, output, toUrl);
  refreshPicture(node);
}

app.registerExtension({
  name: "FlashMotion.TrajectoryEditor",
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
      entries.get(node)?.editor.release();
      followMove(node);
    });
    // The event may come before the link's other end exists, so look once the graph is complete.
    follow(nodeType.prototype, "onConnectionsChange", (node) => queueMicrotask(() => refreshPicture(node)));
    follow(nodeType.prototype, "onAfterGraphConfigured", (node) => {
      showUsedAdvanced(node);
      refreshPicture(node);
    });
    follow(nodeType.prototype, "onExecuted", (node, output) => void takeResult(node, output));
  },
  nodeCreated: (/** @type {ComfyNode} */ node) => node.comfyClass === NODE && foldAdvanced(node),
  setup() {
    followRuns(app.api, toUrl);
    followErrors(app.api);
    // For example, another file was chosen in the loader. Nothing is polled.
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
