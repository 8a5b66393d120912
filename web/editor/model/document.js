/**
 * Text <-> document. The same rules and sentences as flashmotion_core/trajectory/document.py; the types are in
 * types.js. A document is untrusted: every size is bounded, every number finite, unknown fields are refused.
 *
 * @import { Document, DocumentObject, FirstShape, Keyframe } from "./types.js"
 */

import { fail, fields, items, number, whole } from "./checks.js";
import { numberText, stringText } from "./format.js";
import { decodeJson } from "./json.js";
import { DEFAULT_FPS, MAX_FPS, MAX_FRAMES, MAX_OBJECTS, MAX_SIDE, MAX_TEXT, MIN_SIDE, VERSION } from "./limits.js";
import { parseObject } from "./parts.js";
import { withoutMark } from "./read_text.js";

/** @typedef {(old: Record<string, unknown>) => Record<string, unknown>} Migration */

/** From version v to v + 1, on the plain value. @type {Readonly<Record<number, Migration>>} */
const MIGRATIONS = { 1: withoutShapes };
const SMALLEST = '{"version": 1, "size": [1280, 704], "frames": 121, "objects": []}';

/**
 * Read a document. Left out may be `label` (""), `path` ("linear"), `hidden` ([]), `ease` ("linear"), `fps` (24),
 * `objects` ([]), `color` and `shape` (none); the result has them all but `color` and `shape`.
 * @param {unknown} source JSON text, or an already decoded value
 * @returns {{document: Document, problem?: undefined} | {problem: string, document?: undefined}} or one sentence
 */
export function parse(source) {
  try {
    return { document: parseValue(typeof source === "string" ? decode(source) : source) };
  } catch (error) {
    if (error instanceof RangeError) return { problem: error.message };
    throw error;
  }
}

/**
 * Read a document from an already decoded value.
 * @param {unknown} value
 * @returns {Document}
 * @throws {RangeError} one sentence
 */
export function parseValue(value) {
  const data = fields(migrate(value), "trajectory", ["version", "size", "frames"], ["fps", "objects"]);
  const [width, height] = items(data.size, "size", 2, 2, "whole numbers, [width, height] in pixels");
  const frames = whole(data.frames, "frames", 1, MAX_FRAMES, "length of the clip");
  /** @type {Document} */
  const document = {
    version: VERSION,
    size: [
      whole(width, "size[0]", MIN_SIDE, MAX_SIDE, "width in pixels"),
      whole(height, "size[1]", MIN_SIDE, MAX_SIDE, "height in pixels"),
    ],
    frames,
    fps: number("fps" in data ? data.fps : DEFAULT_FPS, "fps", 0, MAX_FPS, "frames per second", true),
    objects: items("objects" in data ? data.objects : [], "objects", 0, MAX_OBJECTS, "objects").map((entry, index) =>
      parseObject(entry, `objects[${index}]`, frames),
    ),
  };
  const firstUse = new Map();
  document.objects.forEach(({ id }, index) => {
    if (firstUse.has(id)) fail(`objects[${index}].id`, id, `give it another id than objects[${firstUse.get(id)}]`);
    firstUse.set(id, index);
  });
  return document;
}

/**
 * The canonical text: compact ASCII JSON in a fixed order, all defaults written out; byte for byte what Python's
 * `dumps` writes. Its version is the oldest that can hold the document: 2 with a shape, else 1.
 * @param {Document} document
 * @returns {string}
 */
export function stringify({ size, frames, fps, objects }) {
  return (
    `{"version":${objects.some(({ shape }) => shape) ? VERSION : 1},"size":[${size.join(",")}],"frames":${frames},"fps":${numberText(fps)},` +
    `"objects":[${objects.map(objectText).join(",")}]}`
  );
}

/**
 * A document without objects.
 * @param {readonly [number, number]} size width and height in pixels, 32 to 4096
 * @param {number} frames length of the clip, 1 to 1025
 * @param {number} [fps]
 * @returns {Document}
 * @throws {RangeError} for a value out of range
 */
export function emptyDocument(size, frames, fps = DEFAULT_FPS) {
  return parseValue({ version: VERSION, size, frames, fps, objects: [] });
}

/**
 * The same value in the current version.
 * @param {unknown} data
 * @param {Readonly<Record<number, Migration>>} [migrations]
 * @param {number} [current]
 * @returns {unknown}
 * @throws {RangeError} when it has no version, or one that cannot be read
 */
export function migrate(data, migrations = MIGRATIONS, current = VERSION) {
  if (typeof data !== "object" || data === null || Array.isArray(data)) {
    fail("trajectory", data, "give a JSON object with the fields version, size, frames, fps, objects");
  }
  if (!("version" in data) || !Object.hasOwn(data, "version")) {
    throw new RangeError(`version is missing: add it (${current} is the current one).`);
  }
  const version = whole(data.version, "version", 1, 10 ** 9, `${current} is the current version`);
  if (version > current) {
    fail("version", version, `update FlashMotion, this one reads up to ${current}, or save it as version ${current}`);
  }
  /** @type {Record<string, unknown>} */
  let migrated = { ...data };
  for (let step = version; step < current; step += 1) {
    try {
      migrated = { ...migrations[step](migrated), version: step + 1 };
    } catch (error) {
      if (error instanceof RangeError) throw error;
      const reason = `${error instanceof Error ? error.name : "error"} on the way to version ${step + 1}`;
      fail("version", version, `repair the document or draw it again; it cannot be migrated (${reason})`);
    }
  }
  return migrated;
}

/** Version 1 is version 2 without shapes. @type {Migration} */
function withoutShapes(old) {
  if (!Array.isArray(old.objects)) return old;
  old.objects.forEach((entry, index) => {
    const isShaped = typeof entry === "object" && entry !== null && Object.hasOwn(entry, "shape");
    if (isShaped) fail(`objects[${index}].shape`, entry.shape, "set version to 2, version 1 knows no shapes");
  });
  return old;
}

/** @param {string} text */
function decode(text) {
  const source = withoutMark(text);
  if (source.length > MAX_TEXT) {
    throw new RangeError(
      `trajectory is a text of ${source.length} characters: give at most ${MAX_TEXT} (remove keyframes or objects).`,
    );
  }
  if (!source.trim()) {
    throw new RangeError(`trajectory is empty: draw a box in the editor, or paste a document such as ${SMALLEST}.`);
  }
  return decodeJson(source, "trajectory");
}

/** @param {DocumentObject} object */
function objectText({ id, label, color, path, hidden, shape, keyframes }) {
  return (
    `{"id":${stringText(id)},"label":${stringText(label)},${color === undefined ? "" : `"color":"${color}",`}` +
    `"path":"${path}","hidden":[${hidden.map(([first, last]) => `[${first},${last}]`).join(",")}],${shape ? shapeText(shape) : ""}` +
    `"keyframes":[${keyframes.map(keyframeText).join(",")}]}`
  );
}

/** @param {FirstShape} shape */
function shapeText({ columns, rows, runs }) {
  return `"shape":{"columns":${columns},"rows":${rows},"runs":[${runs.join(",")}]},`;
}

/** @param {Keyframe} key */
function keyframeText({ frame, x, y, w, h, ease }) {
  const shape = typeof ease === "string" ? `"${ease}"` : `[${ease.map(numberText).join(",")}]`;
  const [cx, cy, width, height] = [x, y, w, h].map(numberText);
  return `{"frame":${frame},"x":${cx},"y":${cy},"w":${width},"h":${height},"ease":${shape}}`;
}
