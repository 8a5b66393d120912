/**
 * The editor of a trajectory that was promoted to a subgraph's node, in the large view. Newer frontends do not show a pack's elements on
 * such a node. ComfyUI may load the graph again meanwhile, so the node is looked up by its place each time.
 *
 * @import { Entry } from "./entries.js"
 * @import { GraphLike } from "./upstream.js"
 */

import { promoted } from "./entries.js";
import { nodeAt, placeOf } from "./graph.js";
import { placesOf, promotedFrom } from "./upstream.js";

/**
 * @param {Entry} entry new, with the subgraph's node
 * @param {string} name of its widget
 * @param {() => GraphLike | undefined} root the graph of now
 * @param {(entry: Entry) => void} showPicture
 */
export function editPromoted(entry, name, root, showPicture) {
  const [first, { editor }] = [entry.node, entry];
  const spot = placeOf(first);
  const find = () => {
    const node = spot === undefined ? first : nodeAt(root(), spot);
    return { node, widget: node?.widgets?.find((found) => found.name === name) };
  };

  entry.write = () => {
    const { widget } = find();
    if (!widget || widget.value === editor.value()) return;
    widget.value = editor.value();
    widget.callback?.(widget.value);
  };
  entry.follow = () => {
    const { node, widget } = find();
    if (!node || !widget) {
      editor.release();
      return;
    }
    editor.load(String(widget.value));
    entry.node = node;
    entry.place = placesOf(node).map(({ hosts }) => promotedFrom(node, name, hosts))[0];
    editor.refresh();
    if (entry.place) showPicture(entry);
  };
  entry.follow();
  if (spot !== undefined) promoted.set(spot, entry);
  editor.openLarge(() => {
    if (spot !== undefined) promoted.delete(spot);
    editor.release();
  });
}
