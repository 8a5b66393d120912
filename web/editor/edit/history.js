/**
 * Undo and redo: a list of whole documents, which share their unchanged parts. It does not know gestures: push once when one
 * ends.
 *
 * @import { Document } from "../model/types.js"
 */

/** Steps that can be undone; the oldest are forgotten. */
const HISTORY_LIMIT = 200;

/**
 * @typedef {object} History
 * @property {Document} present
 * @property {boolean} canUndo
 * @property {boolean} canRedo
 * @property {string | undefined} undoLabel the step that `undo` reverts
 * @property {string | undefined} redoLabel the step that `redo` repeats
 * @property {readonly string[]} labels of the steps that can be undone, oldest first
 * @property {(document: Document, label: string) => boolean} push a new present; false, and nothing happens, when it
 *   equals the present. What was undone is forgotten.
 * @property {() => Document} undo the present one step back; stays at the first
 * @property {() => Document} redo
 * @property {(document: Document) => void} replace a document from outside; there is no way back to the ones before
 */

/**
 * @param {Document} document
 * @param {number} [limit]
 * @returns {History}
 */
export function createHistory(document, limit = HISTORY_LIMIT) {
  let present = document;
  /** @type {{document: Document, label: string}[]} The document before each step. */
  let past = [];
  /** @type {{document: Document, label: string}[]} The document after each step, the next one last. */
  let future = [];
  return {
    get present() {
      return present;
    },
    get canUndo() {
      return past.length > 0;
    },
    get canRedo() {
      return future.length > 0;
    },
    get undoLabel() {
      return past.at(-1)?.label;
    },
    get redoLabel() {
      return future.at(-1)?.label;
    },
    get labels() {
      return past.map(({ label }) => label);
    },
    push(next, label) {
      if (same(next, present)) return false;
      past = [...past, { document: present, label }].slice(-limit);
      future = [];
      present = next;
      return true;
    },
    undo() {
      const step = past.pop();
      if (step) {
        future.push({ document: present, label: step.label });
        present = step.document;
      }
      return present;
    },
    redo() {
      const step = future.pop();
      if (step) {
        past.push({ document: present, label: step.label });
        present = step.document;
      }
      return present;
    },
    replace(next) {
      [present, past, future] = [next, [], []];
    },
  };
}

/**
 * Move the history to a document that it holds: ComfyUI's undo gives back what we once gave it.
 * @param {History} history
 * @param {Document} document
 * @param {"undo" | "redo"} heading the direction to look in first
 * @returns {boolean} false, and nothing has moved, when it is not there
 */
export function stepTo(history, document, heading) {
  for (const go of heading === "undo" ? /** @type {const} */ (["undo", "redo"]) : /** @type {const} */ (["redo", "undo"])) {
    const [back, more] = go === "undo" ? /** @type {const} */ (["redo", "canUndo"]) : /** @type {const} */ (["undo", "canRedo"]);
    let steps = 0;
    while (!same(history.present, document) && history[more]) {
      history[go]();
      steps += 1;
    }
    if (same(history.present, document)) return true;
    for (; steps > 0; steps -= 1) history[back]();
  }
  return false;
}

/**
 * Whether two plain values are equal. Shared parts are not compared.
 * @param {unknown} a
 * @param {unknown} b
 * @returns {boolean}
 */
export function same(a, b) {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((value, index) => same(value, b[index]));
  const [one, other] = [Object.entries(a), new Map(Object.entries(b))];
  return one.length === other.size && one.every(([name, value]) => other.has(name) && same(value, other.get(name)));
}
