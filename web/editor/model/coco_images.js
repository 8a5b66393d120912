/**
 * The pictures of a COCO file: which frame each is, and the size that all share. (See coco_json.js.)
 *
 * @import { Part } from "./coco_parts.js"
 * @import { Notice } from "./track_table.js"
 */

import { fail } from "./checks.js";
import { get, key, object } from "./coco_parts.js";
import { MAX_SIDE, MIN_SIDE } from "./limits.js";

const FRAME_FIELDS = ["frame_index", "frame_id", "frame_number", "frame", "frame_idx"];

/**
 * Frames are numbered by a field of the images, else by the order of their file names or ids.
 * @param {readonly unknown[]} images
 * @returns {{frames: Map<string, number>, size: [number, number] | undefined, notices: Notice[]}}
 * @throws {RangeError} naming the entry
 */
export function imagesOf(images) {
  if (!images.length) fail("images", images, "give one entry per frame");
  const parts = images.map((entry, index) => object(entry, `images[${index}]`));
  const keys = parts.map((part, index) => key(get(part, "id"), `images[${index}].id`));
  const videos = new Set();
  /** @type {Map<string, [number, number]>} */
  const sizes = new Map();
  parts.forEach((part, index) => {
    if (Object.hasOwn(part, "video_id")) videos.add(key(part.video_id, `images[${index}].video_id`));
    if (!Object.hasOwn(part, "width") || !Object.hasOwn(part, "height")) return;
    const [w, h] = ["width", "height"].map((side) => wholeValue(part[side], `images[${index}].${side}`, MIN_SIDE, MAX_SIDE));
    sizes.set(`${w} x ${h}`, [w, h]);
  });
  if (videos.size > 1) {
    const shown = [...videos].slice(0, 8).map((name) => name.slice(1)).join(", ");
    throw new RangeError(`images has ${videos.size} videos (${shown}): give a file of one.`);
  }
  if (sizes.size > 1) {
    const shown = [...sizes.keys()].slice(0, 4).join(", ");
    throw new RangeError(`images has ${sizes.size} sizes (${shown}): give pictures of one size.`);
  }
  const { numbers, notices } = frameNumbers(parts, keys);
  /** @type {Map<string, number>} */
  const frames = new Map();
  /** @type {Map<number, number>} */
  const seen = new Map();
  keys.forEach((name, index) => {
    const frame = numbers[index];
    if (frames.has(name)) fail(`images[${index}].id`, parts[index].id, "give each image its own id");
    if (seen.has(frame)) {
      throw new RangeError(`images[${index}] has frame ${frame}, as images[${seen.get(frame)}] has: number each frame once.`);
    }
    frames.set(name, frame);
    seen.set(frame, index);
  });
  return { frames, size: [...sizes.values()][0], notices };
}

/**
 * @param {readonly Part[]} parts
 * @param {readonly string[]} keys
 * @returns {{numbers: number[], notices: Notice[]}}
 */
function frameNumbers(parts, keys) {
  for (const field of FRAME_FIELDS) {
    if (parts.every((part) => Object.hasOwn(part, field))) {
      return { numbers: parts.map((part, n) => wholeValue(part[field], `images[${n}].${field}`, 0, 1e9 - 1)), notices: [] };
    }
  }
  const names = parts.map((part) => get(part, "file_name"));
  const order = parts.map((_, index) => index);
  /** @type {Notice["name"]} */
  let name = "by_id";
  if (names.every((entry) => typeof entry === "string")) {
    const natural = names.map((entry) => naturalKey(/** @type {string} */ (entry)));
    order.sort((one, other) => compared(natural[one], natural[other]));
    name = "by_name";
  } else if (keys.every((entry) => entry.startsWith("n"))) {
    order.sort((one, other) => Number(keys[one].slice(1)) - Number(keys[other].slice(1)));
  } else {
    fail("images", parts, "give each a whole frame_index, or a file_name");
  }
  const numbers = parts.map(() => 0);
  order.forEach((index, frame) => {
    numbers[index] = frame;
  });
  return { numbers, notices: [{ name, values: [] }] };
}

/** Texts and numbers in turn, so that frame_9 comes before frame_10. @param {string} name */
function naturalKey(name) {
  return Array.from(name).slice(0, 1000).join("").split(/([0-9]+)/).map((piece, index) => (index % 2 ? piece.replace(/^0+/, "") : piece));
}

/** @param {readonly string[]} one @param {readonly string[]} other */
function compared(one, other) {
  for (let index = 0; index < Math.min(one.length, other.length); index += 1) {
    const [a, b] = [one[index], other[index]];
    if (index % 2 && a.length !== b.length) return a.length - b.length;
    if (a !== b) return a < b ? -1 : 1;
  }
  return one.length - other.length;
}

/** @param {unknown} value @param {string} field @param {number} low @param {number} high */
function wholeValue(value, field, low, high) {
  if (typeof value !== "number" || !Number.isInteger(value) || value < low || value > high) {
    fail(field, value, `give a whole number from ${low} to ${high}`);
  }
  return value + 0;
}
