/**
 * Which picture a node is fed with, found by walking its links. Reads nodes and changes nothing.
 *
 * @import { Background } from "./editor/pictures.js"
 *
 * @typedef {{name: string, type?: string, value?: unknown, element?: HTMLElement, callback?: (value: unknown) => void}} WidgetLike
 * @typedef {{element: HTMLElement, callback?: (value: unknown) => void}} DomWidget
 *
 * @typedef {object} GraphLike
 * @property {string} [id]
 * @property {GraphLike} [rootGraph]
 * @property {(foreground: boolean, background: boolean) => void} [setDirtyCanvas]
 *
 * @typedef {object} ComfyNode the little of a node that we touch
 * @property {number | string} id
 * @property {string} [type]
 * @property {GraphLike | null} graph
 * @property {{name: string, type: unknown, link?: unknown}[]} [inputs]
 * @property {WidgetLike[]} [widgets]
 * @property {{nodes: ComfyNode[]}} [subgraph] of a subgraph's node
 * @property {HTMLImageElement[]} [imgs] what its last run showed
 * @property {boolean} [hideOutputImages]
 * @property {(slot: number) => ComfyNode | null} getInputNode
 * @property {(name: string, type: string, element: HTMLElement, options: Record<string, unknown>) => DomWidget} addDOMWidget
 *
 * @typedef {(path: string) => string} ToUrl
 */

const PICTURE_INPUT = "start_image";
/** Widgets in which loaders keep their file, and what it is. */
const FILE_WIDGETS = { image: "image", video: "video", file: "video" };
const VIDEO_FILE = /\.(mp4|webm|mov|m4v|mkv|gif)$/i;
const IMAGE_FILE = /\.(png|jpe?g|webp|gif|bmp|tiff?|avif)$/i;
/** Types through which a picture comes, changed perhaps, but still worth showing. */
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
    const source = current.getInputNode(slot);
    if (!source) return undefined;
    const found = fileOf(source, toUrl) ?? resultOf(source);
    if (found) return found;
    current = source;
    slot = source.inputs?.findIndex(({ type, link }) => link !== undefined && link !== null && PICTURE_TYPES.includes(String(type))) ?? -1;
  }
  return undefined;
}

/**
 * The pictures that a node itself has shown, from the `output` of its run.
 * @param {unknown} output
 * @param {ToUrl} toUrl
 * @returns {Background | undefined}
 */
export function picturesOf(output, toUrl) {
  const { images } = /** @type {{images?: unknown}} */ (Object(output));
  if (!Array.isArray(images)) return undefined;
  const urls = images.flatMap((image) => {
    const { filename, subfolder = "", type = "temp" } = Object(image);
    return typeof filename === "string" ? [viewUrl(filename, String(subfolder), String(type), toUrl)] : [];
  });
  return urls.length ? { kind: "image", urls } : undefined;
}

/** @param {ComfyNode} node @param {ToUrl} toUrl @returns {Background | undefined} */
function fileOf(node, toUrl) {
  for (const [name, usual] of Object.entries(FILE_WIDGETS)) {
    const value = node.widgets?.find((widget) => widget.name === name)?.value;
    const parts = typeof value === "string" ? /^(?:(.*)\/)?([^/]+?)(?: \[(input|output|temp)\])?$/.exec(value) : null;
    if (!parts) continue;
    const [, subfolder = "", file, type = "input"] = parts;
    if (usual === "image" ? !IMAGE_FILE.test(file) : !VIDEO_FILE.test(file)) continue;
    return { kind: usual === "video" ? "video" : "image", urls: [viewUrl(file, subfolder, type, toUrl)] };
  }
  return undefined;
}

/** @param {ComfyNode} node @returns {Background | undefined} */
function resultOf({ imgs }) {
  return imgs?.[0]?.src ? { kind: "image", urls: [imgs[0].src] } : undefined;
}

/** @param {string} filename @param {string} subfolder @param {string} type @param {ToUrl} toUrl */
function viewUrl(filename, subfolder, type, toUrl) {
  return toUrl(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
}
