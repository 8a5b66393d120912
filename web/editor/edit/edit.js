/**
 * What all operations share: finding objects, replacing them, and the checks that keep every result a valid document.
 *
 * @import { Box, Document, DocumentObject, Keyframe, KeyRef } from "../model/types.js"
 */

import { fail, number, whole } from "../model/checks.js";
import { shorten } from "../model/format.js";
import { MAX_CENTRE, MAX_EXTENT, MAX_KEYFRAMES, MAX_OBJECTS, MIN_CENTRE, MIN_EXTENT } from "../model/limits.js";

/**
 * @param {Document} document
 * @param {string} id
 * @returns {DocumentObject}
 * @throws {RangeError} when there is none
 */
export function objectOf(document, id) {
  const found = document.objects.find((object) => object.id === id);
  if (!found) throw new RangeError(`id is ${shorten(id)}: choose one of the document's objects, it may be gone.`);
  return found;
}

/**
 * The document with the named objects replaced, or the same document when no object changes.
 * @param {Document} document
 * @param {readonly string[]} ids each must exist
 * @param {(object: DocumentObject) => DocumentObject} change
 * @returns {Document}
 */
export function changeObjects(document, ids, change) {
  const wanted = new Set(ids);
  for (const id of wanted) objectOf(document, id);
  const objects = document.objects.map((object) => (wanted.has(object.id) ? change(object) : object));
  return objects.every((object, index) => object === document.objects[index]) ? document : { ...document, objects };
}

/**
 * The document with other objects.
 * @param {Document} document
 * @param {readonly DocumentObject[]} objects
 * @returns {Document}
 * @throws {RangeError} for more than 64
 */
export function withObjects(document, objects) {
  if (objects.length > MAX_OBJECTS) {
    throw new RangeError(`objects would be ${objects.length}: keep at most ${MAX_OBJECTS}, delete some first.`);
  }
  return { ...document, objects };
}

/**
 * The object with other keyframes.
 * @param {DocumentObject} object
 * @param {readonly Keyframe[]} keyframes sorted by frame
 * @returns {DocumentObject}
 * @throws {RangeError} for none, or more than 512
 */
export function withKeyframes(object, keyframes) {
  if (keyframes.length === 0) {
    throw new RangeError(`keyframes of ${shorten(object.id)} would be 0: keep one, or delete the object instead.`);
  }
  if (keyframes.length > MAX_KEYFRAMES) {
    throw new RangeError(
      `keyframes of ${shorten(object.id)} would be ${keyframes.length}: keep at most ${MAX_KEYFRAMES}, ` +
        "delete some or allow a larger tolerance.",
    );
  }
  return { ...object, keyframes };
}

/**
 * The keyframes with one inserted. It replaces the one on its frame.
 * @param {readonly Keyframe[]} keyframes
 * @param {Keyframe} key
 * @returns {readonly Keyframe[]}
 */
export function putKeyframe(keyframes, key) {
  const before = keyframes.filter(({ frame }) => frame < key.frame);
  return [...before, key, ...keyframes.filter(({ frame }) => frame > key.frame)];
}

/**
 * The selected frames of each object.
 * @param {Document} document
 * @param {readonly KeyRef[]} selection at least one keyframe; each must exist
 * @returns {Map<string, Set<number>>}
 * @throws {RangeError} when nothing is selected or a keyframe does not exist
 */
export function selectedFrames(document, selection) {
  if (selection.length === 0) fail("selection", selection, "select at least one keyframe");
  /** @type {Map<string, Set<number>>} */
  const frames = new Map();
  for (const { id, frame } of selection) {
    if (!objectOf(document, id).keyframes.some((key) => key.frame === frame)) {
      fail(`frame of ${shorten(id)}`, frame, "select a frame that has a keyframe");
    }
    frames.set(id, (frames.get(id) ?? new Set()).add(frame));
  }
  return frames;
}

/**
 * @param {Document} document
 * @param {unknown} frame
 * @param {string} [field]
 * @returns {number}
 * @throws {RangeError} for a frame outside the clip
 */
export function checkFrame(document, frame, field = "frame") {
  return whole(frame, field, 0, document.frames - 1, `0-based, in a clip of ${document.frames} frames`);
}

/**
 * The box, cleaned of everything but x, y, w, h.
 * @param {Box} box
 * @param {string} [owner] an object's id, for the sentence
 * @returns {Box}
 * @throws {RangeError} when it leaves the limits of a document: see `clampBox`
 */
export function checkBox({ x, y, w, h }, owner) {
  const of = owner === undefined ? "" : ` of ${shorten(owner)}`;
  return {
    x: number(x, `x${of}`, MIN_CENTRE, MAX_CENTRE, "box centre over the frame's width"),
    y: number(y, `y${of}`, MIN_CENTRE, MAX_CENTRE, "box centre over the frame's height"),
    w: number(w, `w${of}`, MIN_EXTENT, MAX_EXTENT, "box width over the frame's width"),
    h: number(h, `h${of}`, MIN_EXTENT, MAX_EXTENT, "box height over the frame's height"),
  };
}

/**
 * The nearest box that a document can hold: centre in -4..5, size in 0.000001..4. For gestures, which may go anywhere.
 * @param {Box} box finite
 * @returns {Box}
 */
export function clampBox({ x, y, w, h }) {
  return {
    x: Math.min(Math.max(x, MIN_CENTRE), MAX_CENTRE),
    y: Math.min(Math.max(y, MIN_CENTRE), MAX_CENTRE),
    w: Math.min(Math.max(w, MIN_EXTENT), MAX_EXTENT),
    h: Math.min(Math.max(h, MIN_EXTENT), MAX_EXTENT),
  };
}

/**
 * Whether two boxes are equal.
 * @param {Box} a
 * @param {Box} b
 * @returns {boolean}
 */
export function sameBox(a, b) {
  return a.x === b.x && a.y === b.y && a.w === b.w && a.h === b.h;
}
