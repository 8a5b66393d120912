/**
 * What a run makes of a node's trajectory: which nodes of the prompt sample with it, and the clip that comes out of them. Pure.
 *
 * @import { Background } from "./editor/stage/pictures.js"
 * @import { Prompt } from "./peek.js"
 * @import { ToUrl } from "./start_image.js"
 *
 * @typedef {{filename?: unknown, subfolder?: unknown, type?: unknown, format?: unknown}} FileOutput
 * @typedef {Background & {rank: number}} Clip rank: of several in a run the highest is shown
 */

/** The names that samplers of ComfyUI and of other packs have in common. */
const SAMPLER = /sampl/i;
/** Not to be taken for one: they hand on sigmas, settings or the model. */
const NO_SAMPLER = /(samplerselect|modelsampling|samplingsettings|resample|downsample|upsample)/i;
const VIDEO_FILE = /\.(mp4|webm|mov|m4v|mkv)$/i;
const ANIMATED_FILE = /\.(gif|webp|a?png|avif)$/i;
/** The picture of the trajectory itself, which is not a result. */
const PREVIEW_SLOT = 1;

/**
 * The nodes that use what a node gives, directly or through others, except for its own preview.
 * @param {Prompt} prompt
 * @param {readonly string[]} sources
 * @param {number} [exceptSlot] of the sources
 * @returns {Set<string>} ids, without the sources
 */
export function downstreamOf(prompt, sources, exceptSlot) {
  /** @type {Set<string>} */
  const found = new Set();
  let waiting = [...sources];
  while (waiting.length) {
    const next = Object.entries(prompt).filter(([id, { inputs }]) => !found.has(id) && Object.values(inputs).some((value) =>
      Array.isArray(value) && waiting.includes(String(value[0])) && !(sources.includes(String(value[0])) && value[1] === exceptSlot)));
    waiting = next.map(([id]) => id);
    for (const id of waiting) found.add(id);
  }
  for (const id of sources) found.delete(id);
  return found;
}

/**
 * @param {Prompt} prompt
 * @param {string} id of DrawTrajectory in it
 * @returns {Set<string>} the samplers that get its trajectory
 */
export function samplersOf(prompt, id) {
  const isSampler = (/** @type {string} */ found) => SAMPLER.test(prompt[found].class_type) && !NO_SAMPLER.test(prompt[found].class_type);
  return new Set([...downstreamOf(prompt, [id], PREVIEW_SLOT)].filter(isSampler));
}

/**
 * The clip among what a node shows or saves.
 * @param {unknown} output of its run: SaveVideo, PreviewImage, SaveAnimatedWEBP, VideoHelperSuite ...
 * @param {ToUrl} toUrl
 * @returns {Clip | undefined} a single picture is none
 */
export function clipOf(output, toUrl) {
  const { images, gifs, video, animated } = /** @type {Record<string, unknown>} */ (Object(output));
  const files = [video, gifs, images].flatMap((list) => (Array.isArray(list) ? /** @type {FileOutput[]} */ (list) : []));
  const named = files.filter((file) => typeof file?.filename === "string");
  const movie = named.find(({ filename }) => VIDEO_FILE.test(String(filename)));
  if (movie) return { kind: "video", urls: [urlOf(movie, toUrl)], rank: 3 };
  const moves = Array.isArray(gifs) || (Array.isArray(animated) && animated.some(Boolean));
  const animation = moves ? named.find(({ filename }) => ANIMATED_FILE.test(String(filename))) : undefined;
  if (animation) return { kind: "animation", urls: [urlOf(animation, toUrl)], rank: 2 };
  return named.length > 1 ? { kind: "image", urls: named.map((file) => urlOf(file, toUrl)), rank: 1 } : undefined;
}

/** @param {FileOutput} file @param {ToUrl} toUrl */
function urlOf({ filename, subfolder, type }, toUrl) {
  return toUrl(`/view?${new URLSearchParams({ filename: String(filename), subfolder: String(subfolder ?? ""), type: String(type ?? "output") })}`);
}
