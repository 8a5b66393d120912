/**
 * A picture that a user drops or pastes on the editor becomes the start image: it is uploaded as ComfyUI's own loaders do, and shown by
 * the Load Image that is connected, or by a new one. Changes the nodes and widgets it is given; does not know the app.
 *
 * @import { PictureTaken } from "./editor/panels/drops.js"
 * @import { ComfyNode, Place, WidgetLike } from "./upstream.js"
 *
 * @typedef {object} Page what ComfyUI's page can do
 * @property {(path: string, options: {method: string, body: FormData}) => Promise<Response>} fetchApi
 * @property {(type: string) => ComfyNode | null} createNode
 * @property {() => void} changed the change is complete: one step of ComfyUI's undo
 */

import { imageLoaderOf, PICTURE_INPUT, startOf } from "./start_image.js";

const LOADER = "LoadImage";
/** Between a new node and ours, and below a node in its way. */
const [GAP, STEP] = [60, 40];

/**
 * @param {Place} place of the node
 * @param {File} file
 * @param {Page} page
 * @returns {Promise<PictureTaken>}
 * @throws {Error} when the upload fails
 */
export async function takePicture(place, file, page) {
  const found = imageLoaderOf(place);
  if (found) {
    show(found.widget, await upload(file, page));
    found.owner.graph?.setDirtyCanvas?.(true, true);
    page.changed();
    return { loader: titleOf(found.owner) };
  }
  const connected = startOf(place)?.node;
  return {
    instead: connected && titleOf(connected),
    offer: async () => {
      const name = await upload(file, page);
      const loader = makeLoader(place.node, page);
      const widget = loader.widgets?.find((entry) => entry.name === "image");
      if (widget) show(widget, name);
      page.changed();
      return titleOf(loader);
    },
  };
}

/** @param {ComfyNode} node */
function titleOf({ title, type, id }) {
  return `${title || type} #${id}`;
}

/**
 * @param {File} file
 * @param {Page} page
 * @returns {Promise<string>} its name for a loader
 */
async function upload(file, { fetchApi }) {
  const body = new FormData();
  body.append("image", file);
  const answer = await fetchApi("/upload/image", { method: "POST", body });
  if (!answer.ok) throw new Error(`${answer.status} ${answer.statusText}`);
  const { name, subfolder } = await answer.json();
  return subfolder ? `${subfolder}/${name}` : name;
}

/** @param {WidgetLike} widget @param {string} name of a file in ComfyUI's input folder */
function show(widget, name) {
  const values = widget.options?.values;
  if (Array.isArray(values) && !values.includes(name)) values.push(name);
  Object.assign(widget, { value: name });
  widget.callback?.(name);
}

/**
 * A Load Image to the left of a node, connected to it.
 * @param {ComfyNode} node
 * @param {Page} page
 * @returns {ComfyNode}
 */
function makeLoader(node, { createNode }) {
  const loader = createNode(LOADER);
  const { graph, pos, inputs = [] } = node;
  if (!loader?.size || !graph?.add || !pos) throw new Error(LOADER);
  const [width, height] = loader.size;
  const left = pos[0] - width - GAP;
  let [, top] = pos;
  /** @param {ComfyNode} other */
  const inTheWay = ({ pos: [x, y] = [0, 0], size: [w, h] = [0, 0] }) => x < left + width && left < x + w && y - STEP < top + height && top - STEP < y + h;
  while (graph.nodes?.some(inTheWay)) top += STEP;
  loader.pos = [left, top];
  graph.add(loader);
  loader.connect?.(0, node, inputs.findIndex(({ name }) => name === PICTURE_INPUT));
  return loader;
}
