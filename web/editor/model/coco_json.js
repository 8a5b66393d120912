/**
 * COCO JSON of a video: images in order, annotations with a bbox (x, y, w, h in pixels) and a track_id. The same rules and
 * sentences as flashmotion_core/trajectory/tracks/coco_json.py.
 *
 * @import { Part } from "./coco_parts.js"
 * @import { Pixels, TrackRow, TrackTable } from "./track_table.js"
 */

import { fail, number } from "./checks.js";
import { imagesOf } from "./coco_images.js";
import { get, isPart, key, object } from "./coco_parts.js";
import { strip } from "./delimited.js";
import { counted } from "./track_table.js";

const TRACK_FIELDS = ["track_id", "instance_id", "object_id", "tracking_id"];

/** Whether a decoded JSON value has COCO's lists. @param {unknown} data @returns {data is Part} */
export function isCoco(data) {
  return isPart(data) && Object.hasOwn(data, "images") && Object.hasOwn(data, "annotations");
}

/**
 * The annotations of a decoded file. Without a track id, each category is one object, if no picture has it twice.
 * @param {Part} data
 * @returns {TrackTable}
 * @throws {RangeError} naming the entry
 */
export function readCoco(data) {
  const { frames, size, notices } = imagesOf(list(data, "images"));
  const labels = categoriesOf(get(data, "categories"));
  /** @type {TrackRow[]} */
  const rows = [];
  /** @type {(string | undefined)[]} */
  const tracked = [];
  const [missing, crowds] = [/** @type {string[]} */ ([]), /** @type {string[]} */ ([])];
  let occluded = 0;
  list(data, "annotations").forEach((entry, index) => {
    const place = `annotations[${index}]`;
    const part = object(entry, place);
    const frame = frames.get(key(get(part, "image_id"), `${place}.image_id`));
    if (frame === undefined) fail(`${place}.image_id`, get(part, "image_id"), "give the id of one of the images");
    const more = get(part, "attributes");
    const attributes = isPart(more) ? more : {};
    const crowd = get(part, "iscrowd");
    if (crowd === 1 || crowd === true) {
      crowds.push(place);
      return;
    }
    const box = boxOf(get(part, "bbox"), `${place}.bbox`);
    if (!box) {
      missing.push(place);
      return;
    }
    tracked.push(trackOf(part, attributes, place));
    const category = get(part, "category_id") ?? undefined;
    const label = category === undefined ? "" : labels.get(key(category, `${place}.category_id`)) ?? "";
    const named = label || (category === undefined ? "object" : `category ${category}`);
    const visible = get(attributes, "outside") !== true;
    if (visible && get(attributes, "occluded") === true) occluded += 1;
    rows.push({ place, frame, id: named, label, box, visible });
  });
  if (!rows.length) throw new RangeError("annotations has no box: give each annotation a bbox [x, y, width, height].");
  const without = rows.filter((_, index) => tracked[index] === undefined);
  if (without.length && without.length < rows.length) {
    throw new RangeError(`${without[0].place} has no track_id, but others have: give it one or remove it.`);
  }
  if (without.length) checkAlone(rows);
  const named = without.length ? rows : rows.map((row, index) => ({ ...row, id: tracked[index] ?? "" }));
  const numbers = [...frames.values()];
  return {
    format: "COCO JSON",
    rows: named,
    countedFrom: Number(numbers.reduce((least, value) => Math.min(least, value), Infinity) === 1),
    fractions: false,
    size,
    lastFrame: numbers.reduce((most, value) => Math.max(most, value), 0),
    notices: [
      ...notices,
      ...counted("left_out", missing),
      ...counted("ignored", crowds),
      ...(occluded ? [{ name: /** @type {const} */ ("occluded"), values: [String(occluded)] }] : []),
    ],
  };
}

/** @param {Part} data @param {string} name @returns {readonly unknown[]} */
function list(data, name) {
  const value = data[name];
  if (!Array.isArray(value)) fail(name, value, "give a list");
  return value;
}

/** @param {Part} part @param {Part} attributes @param {string} place */
function trackOf(part, attributes, place) {
  for (const source of [part, attributes]) {
    for (const field of TRACK_FIELDS) {
      const value = get(source, field);
      if (value !== undefined && value !== null) return key(value, `${place}.track_id`).slice(1);
    }
  }
  return undefined;
}

/** @param {readonly TrackRow[]} rows */
function checkAlone(rows) {
  const seen = new Set();
  for (const { place, frame, id } of rows) {
    if (seen.has(`${frame} ${id}`)) {
      throw new RangeError(`${place} has no track_id, and its picture has two of its category: give each object a track_id.`);
    }
    seen.add(`${frame} ${id}`);
  }
}

/** @param {unknown} categories @returns {Map<string, string>} */
function categoriesOf(categories) {
  const labels = new Map();
  (Array.isArray(categories) ? categories : []).forEach((entry, index) => {
    const part = object(entry, `categories[${index}]`);
    const name = get(part, "name");
    labels.set(key(get(part, "id"), `categories[${index}].id`), typeof name === "string" ? strip(name) : "");
  });
  return labels;
}

/** @param {unknown} value @param {string} field @returns {Pixels | undefined} */
function boxOf(value, field) {
  if (value === undefined || value === null || (Array.isArray(value) && !value.length)) return undefined;
  if (!Array.isArray(value) || value.length !== 4) fail(field, value, "give [x, y, width, height] in pixels");
  const [x, y] = [0, 1].map((index) => number(value[index], `${field}[${index}]`, -1e6, 1e6, "pixels"));
  const [w, h] = [2, 3].map((index) => number(value[index], `${field}[${index}]`, 0, 1e6, "pixels"));
  return w > 0 && h > 0 ? [x, y, w, h] : undefined;
}
