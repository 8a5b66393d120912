/**
 * CVAT's export "CVAT for video 1.1": tracks of boxes with outside and occluded flags; frames count from 0. The same rules and
 * sentences as flashmotion_core/trajectory/tracks/cvat_xml.py.
 *
 * @import { XmlElement } from "./small_xml.js"
 * @import { Pixels, TrackRow, TrackTable } from "./track_table.js"
 */

import { fail } from "./checks.js";
import { numberIn } from "./delimited.js";
import { pixelsIn } from "./headed_tables.js";
import { MAX_SIDE, MIN_SIDE } from "./limits.js";
import { readXml } from "./small_xml.js";
import { counted } from "./track_table.js";

const SHAPES = ["polygon", "polyline", "points", "cuboid", "mask", "skeleton", "ellipse", "rectangle"];

/**
 * The tracks of a file. Between a track's boxes CVAT moves straight, and a box stays until one is outside.
 * @param {string} source
 * @returns {TrackTable}
 * @throws {RangeError} naming line and attribute
 */
export function readCvat(source) {
  /** @type {TrackRow[]} */
  const rows = [];
  const missing = [];
  /** @type {Map<string, number>} */
  const shapes = new Map();
  /** @type {Map<string, number>} */
  const sides = new Map();
  let length = 0;
  let [occluded, images] = [0, 0];
  let [id, label] = ["", ""];
  for (const part of readXml(source)) {
    const place = `line ${part.line}`;
    const { path } = part;
    const name = path[path.length - 1];
    const inMeta = path[0] === "annotations" && path[1] === "meta";
    if (part.attributes === undefined) {
      if (inMeta && path.at(-2) === "original_size") {
        const side = wholeIn(part.text, `${place}, ${name}`);
        if (!sides.has(name)) sides.set(name, side);
      } else if (inMeta && name === "size" && path.length === 4) {
        length = wholeIn(part.text, `${place}, size`);
      }
      continue;
    }
    if (path.length === 1 && name !== "annotations") {
      fail(place, name, 'export the task as "CVAT for video 1.1", whose root is annotations');
    }
    const inTrack = path[0] === "annotations" && path[1] === "track" && path.length === 3;
    if (path.length === 2 && name === "image") images += 1;
    else if (path.length === 2 && name === "track") [id, label] = [attribute(part, "id"), part.attributes.get("label") ?? ""];
    else if (inTrack && name === "box") {
      const box = boxOf(part);
      const frame = wholeIn(attribute(part, "frame"), `${place}, frame`);
      checkExtent(part, box);
      const visible = !flag(part, "outside");
      if (box[2] === 0 || box[3] === 0) {
        missing.push(place);
        continue;
      }
      rows.push({ place, frame, id, label, box, visible });
      if (visible && flag(part, "occluded")) occluded += 1;
    } else if (inTrack && SHAPES.includes(name)) shapes.set(name, (shapes.get(name) ?? 0) + 1);
  }
  if (!rows.length) {
    const what = images ? `pictures instead of tracks (images: ${images})` : "no boxes in tracks";
    throw new RangeError(
      `table has ${what}: draw tracks in CVAT and export them as "CVAT for video 1.1".`,
    );
  }
  /** @type {TrackTable["notices"][number][]} */
  const notices = counted("left_out", missing);
  if (shapes.size) {
    const count = [...shapes.values()].reduce((sum, value) => sum + value, 0);
    notices.push({ name: "shapes", values: [String(count), [...shapes.keys()].join(", ")] });
  }
  if (occluded) notices.push({ name: "occluded", values: [String(occluded)] });
  return {
    format: "CVAT XML for video",
    rows,
    countedFrom: 0,
    fractions: false,
    size: sizeOf(sides),
    lastFrame: length ? length - 1 : undefined,
    holds: true,
    notices,
  };
}

/** @param {XmlElement} part @returns {Pixels} */
function boxOf(part) {
  const [left, top, right, bottom] = ["xtl", "ytl", "xbr", "ybr"].map((side) => {
    const cell = attribute(part, side);
    return pixelsIn(numberIn(cell, ","), cell, `line ${part.line}, ${side}`);
  });
  return [left, top, right - left, bottom - top];
}

/** @param {XmlElement} part @param {Pixels} box */
function checkExtent(part, [, , width, height]) {
  for (const [side, extent] of /** @type {const} */ ([["xbr", width], ["ybr", height]])) {
    if (extent < 0) {
      fail(`line ${part.line}, ${side}`, part.attributes.get(side), `give a number that is not before ${side[0]}tl`);
    }
  }
}

/** @param {XmlElement} part @param {string} name */
function attribute(part, name) {
  const value = part.attributes.get(name);
  if (value === undefined) {
    throw new RangeError(
      `line ${part.line}, ${name} is missing in ${part.path.at(-1)}: export the task as "CVAT for video 1.1".`,
    );
  }
  return value;
}

/** @param {XmlElement} part @param {string} name */
function flag(part, name) {
  const value = part.attributes.get(name) ?? "0";
  if (value !== "0" && value !== "1") fail(`line ${part.line}, ${name}`, value, "give 1 or 0");
  return value === "1";
}

/** @param {string} cell @param {string} field */
function wholeIn(cell, field) {
  const value = numberIn(cell, ",");
  if (value === undefined || !Number.isInteger(value) || value < 0 || value >= 1e9) {
    fail(field, cell, "give a whole number from 0");
  }
  return value + 0;
}

/** @param {ReadonlyMap<string, number>} sides @returns {readonly [number, number] | undefined} */
function sizeOf(sides) {
  const [width, height] = [sides.get("width"), sides.get("height")];
  if (width === undefined || height === undefined) return undefined;
  for (const [side, value] of /** @type {const} */ ([["width", width], ["height", height]])) {
    if (value < MIN_SIDE || value > MAX_SIDE) {
      fail(`${side} of the file`, value, `export a video of ${MIN_SIDE} to ${MAX_SIDE} pixels a side`);
    }
  }
  return [width, height];
}
