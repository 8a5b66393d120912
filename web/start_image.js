/**
 * The picture that a node gets as its start image: what is known of it without a run, and what a run returned. Reads nodes and changes
 * nothing.
 *
 * @import { Background } from "./editor/stage/pictures.js"
 * @import { ComfyNode, Origin, Place, WidgetLike } from "./upstream.js"
 *
 * @typedef {(path: string) => string} ToUrl
 * @typedef {{mark: string, guess: string, background: Background}} Returned what a run returned, and for which inputs
 */

import { linkInto, originOf } from "./upstream.js";

export const PICTURE_INPUT = "start_image";
/** The loaders that output their file as it is, and the widget that names it. */
const LOADERS = /** @type {Readonly<Record<string, string>>} */ ({ LoadImage: "image", LoadImageOutput: "image", LoadVideo: "file" });
/** The nodes that hand on the picture they get, and their outputs that do: every frame, unchanged. */
const UNCHANGED = /** @type {Readonly<Record<string, readonly number[]>>} */ ({ GetVideoComponents: [0], PreviewImage: [0], SaveImage: [0] });
/** The widgets in which loaders of other packs keep their file, and its kind. */
const FILE_WIDGETS = { image: "image", video: "video", file: "video" };
const VIDEO_FILE = /\.(mp4|webm|mov|m4v|mkv|gif)$/i;
const IMAGE_FILE = /\.(png|jpe?g|webp|gif|bmp|tiff?|avif)$/i;
/** Types that carry a picture. */
const PICTURE_TYPES = ["IMAGE", "VIDEO", "*"];
/** A widget that decides what comes after a run, and nothing before. */
const AFTER_A_RUN = "control_after_generate";
const MAX_STEPS = 32;
const MAX_NODES = 1000;
/** Results kept for a node, because ComfyUI may not send a result again that it still has. */
const MAX_RETURNED = 8;

/**
 * The picture behind the boxes, and what has to be said about it.
 * @param {readonly Place[]} places of the node: one document, and perhaps several pictures
 * @param {readonly Returned[]} returned latest first
 * @param {ToUrl} toUrl
 * @param {number} use which of the places is shown, from 0
 * @returns {Background | undefined} undefined: nothing is connected
 */
export function backgroundOf(places, returned, toUrl, use) {
  const all = places.map((place) => backgroundAt(place, returned, toUrl));
  const index = use % Math.max(places.length, 1);
  const differ = new Set(all.map((entry) => JSON.stringify(entry?.urls ?? []))).size > 1;
  if (!differ) return all[index];
  const { id, title } = places[index].hosts.at(-1) ?? places[index].node;
  const background = all[index] ?? /** @type {Background} */ ({ kind: "image", urls: [] });
  return { ...background, use: { name: `${title ?? ""} (${id})`, number: index + 1, count: places.length } };
}

/** @param {Place} place @param {readonly Returned[]} returned @param {ToUrl} toUrl @returns {Background | undefined} */
function backgroundAt(place, returned, toUrl) {
  const mark = markOf(place);
  if (!mark) return undefined;
  const found = fileBehind(place, toUrl);
  const exact = found?.notice === undefined ? found : undefined;
  // A video file shows every frame of the clip, a result some of them.
  if (exact?.kind === "video") return exact;
  const ran = returned.find((entry) => entry.mark === mark);
  if (ran) return ran.background;
  if (exact) return exact;
  const guess = guessOf(place, found);
  const before = returned.find((entry) => entry.guess === guess);
  if (before) return { ...before.background, notice: "changed" };
  return found ? { ...found, notice: "unknown" } : { kind: "image", urls: [], notice: "unseen" };
}

/**
 * The results of a node, with one more.
 * @param {readonly Returned[]} before latest first
 * @param {{mark: string, guess: string}} inputs what the run got
 * @param {unknown} output of the run
 * @param {ToUrl} toUrl
 * @returns {Returned[]}
 */
export function withResult(before, { mark, guess }, output, toUrl) {
  const background = returnedPictures(output, toUrl);
  if (!background || !mark) return [...before];
  return [{ mark, guess, background }, ...before.filter((entry) => entry.mark !== mark)].slice(0, MAX_RETURNED);
}

/** What a run that begins now gets. @param {Place} place @param {ToUrl} toUrl */
export function inputsNow(place, toUrl) {
  return { mark: markOf(place), guess: guessOf(place, fileBehind(place, toUrl)) };
}

/**
 * What must be the same for an earlier result to resemble the picture of now: the node that it comes from, and the file behind that.
 * @param {Place} place
 * @param {Background | undefined} found
 */
function guessOf(place, found) {
  const start = startOf(place);
  return JSON.stringify([start?.node.id, start?.node.type, found?.urls]);
}

/**
 * The start image as the node returned it: some frames, spread evenly over what it got.
 * @param {unknown} output
 * @param {ToUrl} toUrl
 * @returns {Background | undefined}
 */
function returnedPictures(output, toUrl) {
  const { start_image: images, start_image_frames: frames } = /** @type {{start_image?: unknown, start_image_frames?: unknown}} */ (Object(output));
  if (!Array.isArray(images)) return undefined;
  const urls = images.flatMap((name) => annotatedUrl(name, toUrl)?.url ?? []);
  const numbers = Array.isArray(frames) ? frames.map(Number) : [];
  return urls.length ? { kind: "image", urls, frames: numbers.length === urls.length ? numbers : [0] } : undefined;
}

/**
 * The file or the last result behind a node's start image. It has a notice unless every node in between leaves the picture alone.
 * @param {Place} place
 * @param {ToUrl} toUrl
 * @returns {Background | undefined}
 */
function fileBehind(place, toUrl) {
  let origin = startOf(place);
  let unchanged = true;
  for (let step = 0; step < MAX_STEPS && origin; step += 1) {
    const file = fileOf(origin, toUrl);
    if (file) return unchanged ? file : { ...file, notice: "unknown" };
    const [shown] = origin.node.imgs ?? [];
    if (shown?.src) return { kind: "image", urls: [shown.src], notice: "unknown" };
    unchanged &&= UNCHANGED[origin.node.type ?? ""]?.includes(origin.slot) ?? false;
    origin = pictureInto(origin);
  }
  return undefined;
}

/**
 * The loader whose file shows as a node's start image, perhaps changed by nodes in between.
 * @param {Place} place
 * @returns {{loader: Place, widget: WidgetLike, owner: ComfyNode} | undefined} the widget may be a subgraph node's
 */
export function imageLoaderOf(place) {
  let origin = startOf(place);
  for (let step = 0; step < MAX_STEPS && origin; step += 1) {
    if (origin.node.type === "LoadImage") {
      const found = widgetOf(origin, LOADERS.LoadImage);
      return found && { loader: origin, ...found };
    }
    origin = pictureInto(origin);
  }
  return undefined;
}

/** The output that is a node's start image. @param {Place} place @returns {Origin | undefined} */
export function startOf(place) {
  const slot = place.node.inputs?.findIndex(({ name }) => name === PICTURE_INPUT) ?? -1;
  const origin = slot < 0 ? undefined : originOf(place, slot);
  return origin && "slot" in origin ? origin : undefined;
}

/** The first picture that a node gets. @param {Place} place @returns {Origin | undefined} */
function pictureInto(place) {
  const slot = place.node.inputs?.findIndex(({ type }, index) => PICTURE_TYPES.includes(String(type)) && linkInto(place.node, index)) ?? -1;
  const origin = slot < 0 ? undefined : originOf(place, slot);
  return origin && "slot" in origin ? origin : undefined;
}

/** @param {Origin} origin @param {ToUrl} toUrl @returns {Background | undefined} */
function fileOf(origin, toUrl) {
  const known = LOADERS[origin.node.type ?? ""];
  for (const [name, usual] of Object.entries(FILE_WIDGETS)) {
    const found = annotatedUrl(widgetOf(origin, name)?.widget.value, toUrl);
    if (!found || !(usual === "image" ? IMAGE_FILE : VIDEO_FILE).test(found.file)) continue;
    const exact = known === name && origin.slot === 0;
    return { kind: usual === "video" ? "video" : "image", urls: [found.url], ...(exact ? {} : { notice: "unknown" }) };
  }
  return undefined;
}

/**
 * Where a node's widget has its value for a run: in itself, in a subgraph's node it was promoted to, or in a linked PrimitiveNode.
 * @param {Place} place
 * @param {string} name
 * @returns {{widget: WidgetLike, owner: ComfyNode} | undefined} undefined: there is none, or another node computes its value
 */
export function widgetOf(place, name) {
  const { node } = place;
  const widget = node.widgets?.find((entry) => entry.name === name);
  const slot = node.inputs?.findIndex((input) => (input.widget?.name ?? input.name) === name) ?? -1;
  if (!widget || slot < 0 || !linkInto(node, slot)) return widget && { widget, owner: node };
  const origin = originOf(place, slot);
  if (!origin) return { widget, owner: node };
  if (!("slot" in origin)) return origin;
  const [value] = origin.node.widgets ?? [];
  return origin.node.isVirtualNode && value ? { widget: value, owner: origin.node } : undefined;
}

/**
 * All that decides what a node gets as its start image, as a text to compare: the nodes before it, their values and links.
 * @param {Place} place
 * @returns {string} empty: nothing is connected
 */
function markOf(place) {
  /** @type {Map<string, unknown>} */
  const seen = new Map();
  /** @param {ReturnType<typeof originOf>} origin @returns {unknown} */
  const visit = (origin) => {
    if (!origin) return null;
    if (!("slot" in origin)) return { value: asText(origin.widget.value) };
    const { node, hosts, slot } = origin;
    const key = [...hosts, node].map(({ id }) => id).join(":");
    if (!seen.has(key) && seen.size < MAX_NODES) {
      seen.set(key, null);
      const values = (node.widgets ?? []).filter(counts).map(({ name, value }) => [name, asText(value)]);
      seen.set(key, [node.type, values, (node.inputs ?? []).map((_, index) => visit(originOf(origin, index)))]);
    }
    return [key, slot];
  };
  const start = startOf(place);
  return start ? JSON.stringify([visit(start), [...seen]]) : "";
}

/** @param {unknown} value @returns {string | undefined} */
function asText(value) {
  try {
    return JSON.stringify(value);
  } catch {
    // An object that refers to itself cannot be a value of a run; only its name can be compared.
    return String(value);
  }
}

/** Whether a widget's value is sent with a run. @param {WidgetLike} widget */
function counts({ name, serialize, options, type }) {
  return serialize !== false && options?.serialize !== false && name !== AFTER_A_RUN && type !== "button";
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
