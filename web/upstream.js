/**
 * Which picture feeds a node, found by following its links. Reads nodes and changes nothing.
 *
 * @import { Background } from "./editor/stage/pictures.js"
 *
 * @typedef {{name: string, type?: string, value?: unknown, element?: HTMLElement, callback?: (value: unknown) => void}} WidgetLike
 * @typedef {{element: HTMLElement, callback?: (value: unknown) => void, _state?: {value?: unknown}}} DomWidget
 *
 * @typedef {{origin_id: unknown, origin_slot: number}} LinkLike
 *
 * @typedef {object} GraphLike
 * @property {string} [id]
 * @property {GraphLike} [rootGraph]
 * @property {(foreground: boolean, background: boolean) => void} [setDirtyCanvas]
 * @property {ComfyNode[]} [nodes]
 * @property {{name: string}[]} [inputs] of a subgraph
 * @property {{linkIds: unknown[]}[]} [outputs] of a subgraph
 * @property {(id: unknown) => LinkLike | null | undefined} [getLink]
 * @property {(id: unknown) => ComfyNode | null} [getNodeById]
 *
 * @typedef {object} ComfyNode the parts of a node that we use
 * @property {number | string} id
 * @property {string} [type]
 * @property {GraphLike | null} graph
 * @property {{name: string, type: unknown, link?: unknown}[]} [inputs]
 * @property {WidgetLike[]} [widgets]
 * @property {GraphLike & {nodes: ComfyNode[]}} [subgraph] of a subgraph's node
 * @property {HTMLImageElement[]} [imgs] what its last run showed
 * @property {boolean} [hideOutputImages]
 * @property {() => void} [onDrawBackground]
 * @property {(slot: number) => ComfyNode | null} getInputNode
 * @property {(name: string, type: string, element: HTMLElement, options: Record<string, unknown>) => DomWidget} addDOMWidget
 *
 * @typedef {(path: string) => string} ToUrl
 */

const PICTURE_INPUT = "start_image";
/** The widgets in which loaders keep their file, and its kind. */
const FILE_WIDGETS = { image: "image", video: "video", file: "video" };
const VIDEO_FILE = /\.(mp4|webm|mov|m4v|mkv|gif)$/i;
const IMAGE_FILE = /\.(png|jpe?g|webp|gif|bmp|tiff?|avif)$/i;
/** Types that carry a picture, perhaps changed, but still worth showing. */
const PICTURE_TYPES = ["IMAGE", "VIDEO", "*"];
const MAX_STEPS = 32;

/**
 * The file or the last result of what is connected as the start image, or undefined.
 * @param {ComfyNode} node
 * @param {ToUrl} toUrl
 * @returns {Background | undefined}
 */
export function connectedPicture(node, toUrl) {
  let slot = node.inputs?.findIndex(({ name }) => name === PICTURE_INPUT) ?? -1;
  let current = node;
  for (let step = 0; step < MAX_STEPS && slot >= 0; step += 1) {
    const source = sourceOf(current, slot);
    if (!source) return undefined;
    const found = fileOf(source, toUrl) ?? resultOf(source);
    if (found) return found;
    current = source;
    slot = source.inputs?.findIndex(({ type, link }) => link !== undefined && link !== null && PICTURE_TYPES.includes(String(type))) ?? -1;
  }
  return undefined;
}

/**
 * The start image without boxes, from the `output` of a node's run, for a node that has no loader to show it.
 * @param {unknown} output
 * @param {ToUrl} toUrl
 * @returns {Background | undefined}
 */
export function picturesOf(output, toUrl) {
  const { start_image: images } = /** @type {{start_image?: unknown}} */ (Object(output));
  if (!Array.isArray(images)) return undefined;
  const urls = images.flatMap((image) => annotatedUrl(image, toUrl)?.url ?? []);
  return urls.length ? { kind: "image", urls } : undefined;
}

/** @param {ComfyNode} node @param {ToUrl} toUrl @returns {Background | undefined} */
function fileOf(node, toUrl) {
  for (const [name, usual] of Object.entries(FILE_WIDGETS)) {
    const value = node.widgets?.find((widget) => widget.name === name)?.value;
    const found = annotatedUrl(value, toUrl);
    if (!found || !(usual === "image" ? IMAGE_FILE : VIDEO_FILE).test(found.file)) continue;
    return { kind: usual === "video" ? "video" : "image", urls: [found.url] };
  }
  return undefined;
}

/**
 * The node that feeds an input, across the borders of subgraphs.
 * @param {ComfyNode} node
 * @param {number} slot
 * @returns {ComfyNode | null | undefined}
 */
function sourceOf(node, slot) {
  const link = node.graph?.getLink?.(node.inputs?.[slot]?.link);
  const source = node.getInputNode(slot);
  if (!link) return source;
  if (!source) {
    // It comes from outside the subgraph that contains the node.
    const host = hostOf(node.graph, node.graph?.rootGraph);
    const name = node.graph?.inputs?.[link.origin_slot]?.name;
    const outer = host?.inputs?.findIndex((input) => input.name === name) ?? -1;
    return host && outer >= 0 ? sourceOf(host, outer) : undefined;
  }
  const inside = source.subgraph;
  const inner = inside?.getLink?.(inside.outputs?.[link.origin_slot]?.linkIds[0]);
  return (inner && inside?.getNodeById?.(inner.origin_id)) ?? source;
}

/**
 * The node that stands for a subgraph.
 * @param {GraphLike | null} subgraph
 * @param {GraphLike | undefined} graph where to look
 * @returns {ComfyNode | undefined}
 */
function hostOf(subgraph, graph) {
  for (const node of graph?.nodes ?? []) {
    const found = node.subgraph === subgraph ? node : hostOf(subgraph, node.subgraph);
    if (found) return found;
  }
  return undefined;
}

/** @param {ComfyNode} node @returns {Background | undefined} */
function resultOf({ imgs }) {
  return imgs?.[0]?.src ? { kind: "image", urls: [imgs[0].src] } : undefined;
}

/**
 * Where a file lies that ComfyUI names as its loaders do: `folder/name.png`, `name.png [temp]`.
 * @param {unknown} name
 * @param {ToUrl} toUrl
 */
function annotatedUrl(name, toUrl) {
  const parts = typeof name === "string" ? /^(?:(.*)\/)?([^/]+?)(?: \[(input|output|temp)\])?$/.exec(name) : null;
  if (!parts) return undefined;
  const [, subfolder = "", filename, type = "input"] = parts;
  return { file: filename, url: toUrl(`/view?${new URLSearchParams({ filename, subfolder, type })}`) };
}
