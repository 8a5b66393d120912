/**
 * Inputs that the schema calls advanced, folded away in the classic renderer too. Nodes 2.0 does so itself; both have a switch to show them
 * (the node's menu, *Show Advanced*).
 */

/** @import { ComfyNode, WidgetLike } from "./upstream.js" */

/** Pixels of a widget in the classic renderer. */
const HEIGHT = 20;

/** What each advanced widget holds in a new node. @type {WeakMap<WidgetLike, unknown>} */
const initial = new WeakMap();

/** The height that ComfyUI gave a new node, for all inputs. @type {WeakMap<ComfyNode, number>} */
const full = new WeakMap();

/** @param {ComfyNode} node that was just made */
export function foldAdvanced(node) {
  for (const widget of node.widgets ?? []) {
    if (!widget.options?.advanced) continue;
    initial.set(widget, widget.value);
    widget.advanced = true;
    // The classic renderer keeps the room of a folded widget, unless its height takes back the 4 pixels between two.
    widget.computeSize = (width = 0) => [width, node.showAdvanced ? HEIGHT : -4];
  }
  if (node.size) full.set(node, node.size[1]);
}

/**
 * Give a new node the height that is left. One from a file has its own.
 * @param {ComfyNode} node that was added to a graph
 */
export function shrinkNew(node) {
  if (!node.size || !node.computeSize || full.get(node) !== node.size[1]) return;
  full.delete(node);
  node.setSize?.([node.size[0], node.computeSize()[1]]);
}

/**
 * Show them where one has a value or a link, because what decides the result must be seen.
 * @param {ComfyNode} node
 */
export function showUsedAdvanced(node) {
  const linked = new Set(node.inputs?.filter(({ link }) => link !== null && link !== undefined).map(({ name }) => name));
  const used = node.widgets?.some((widget) => initial.has(widget) && (widget.value !== initial.get(widget) || linked.has(widget.name)));
  if (used) node.showAdvanced = true;
}
