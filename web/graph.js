/**
 * Small helpers for ComfyUI's graph that need only their arguments.
 *
 * @import { ComfyNode, GraphLike } from "./upstream.js"
 *
 * @typedef {object} GraphCanvas
 * @property {(event: PointerEvent) => void} processMouseDown
 * @property {(event: PointerEvent) => void} processMouseMove
 * @property {(event: PointerEvent) => void} processMouseUp
 */

/**
 * A node's place, the same after a reload of its graph. (The root graph's id is left out, because a new workflow gets another one.)
 * @param {ComfyNode} node
 * @returns {string | undefined} undefined before it stands in a graph
 */
export function placeOf({ id, graph }) {
  if (!graph || String(id) === "-1") return undefined;
  return graph.rootGraph && graph.rootGraph !== graph ? `${graph.id}:${id}` : String(id);
}

/**
 * The node at a place.
 * @param {GraphLike | undefined} root
 * @param {string} place
 * @returns {ComfyNode | undefined}
 */
export function nodeAt(root, place) {
  return [root, ...(root?.subgraphs?.values() ?? [])].flatMap((graph) => graph?.nodes ?? []).find((node) => placeOf(node) === place);
}

/**
 * A middle-button drag pans the graph even when it begins on the editor.
 * @param {GraphCanvas} canvas
 * @param {HTMLElement} element
 * @param {PointerEvent} event
 */
export function forwardPointer(canvas, element, event) {
  event.preventDefault();
  const listening = new AbortController();
  const options = { signal: listening.signal };
  canvas.processMouseDown(event);
  element.ownerDocument.addEventListener("pointermove", (moved) => canvas.processMouseMove(moved), options);
  for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
    element.ownerDocument.addEventListener(name, (ended) => {
      canvas.processMouseUp(ended);
      listening.abort();
    }, options);
  }
}

/**
 * Run `after` whenever ComfyUI calls a method of the node's class.
 * @param {Record<string, unknown>} prototype
 * @param {string} method
 * @param {(node: ComfyNode, ...args: unknown[]) => void} after
 */
export function follow(prototype, method, after) {
  const before = prototype[method];
  prototype[method] = /** @this {ComfyNode} @param {...unknown} args */ function (...args) {
    const result = typeof before === "function" ? before.apply(this, args) : undefined;
    after(this, ...args);
    return result;
  };
}

/**
 * A widget's value as text: scripts and prompts of the API may also hold the document as an object.
 * @param {unknown} value
 * @returns {string}
 */
export function textOf(value) {
  return typeof value === "object" && value !== null ? JSON.stringify(value) : String(value);
}

/**
 * Once no button of the mouse is down: dragging a number in the classic renderer changes it with every step.
 * @param {{pointer?: {isDown?: boolean}} | undefined} canvas
 * @param {() => void} run
 */
export function whenReleased(canvas, run) {
  if (canvas?.pointer?.isDown) addEventListener("pointerup", run, { capture: true, once: true });
  else run();
}

/**
 * What a run left out of connected objects, in the server's words; empty where it took everything.
 * @param {unknown} output
 * @returns {string}
 */
export function notesOf(output) {
  const { notes } = /** @type {{notes?: unknown}} */ (Object(output));
  return Array.isArray(notes) ? notes.filter((note) => typeof note === "string").join(" ") : "";
}

/**
 * The document that the last run resolved, connected objects included.
 * @param {unknown} output
 * @returns {string | undefined}
 */
export function resolvedText(output) {
  const { trajectory } = /** @type {{trajectory?: unknown}} */ (Object(output));
  return Array.isArray(trajectory) && typeof trajectory[0] === "string" ? trajectory[0] : undefined;
}
