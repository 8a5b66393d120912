/**
 * Objects and keyframes as text for the clipboard: {"flashmotion": "objects" or "keyframes", "document": a document
 * that holds just them}. So whatever is pasted is read by the document's own rules.
 *
 * @import { Document, DocumentObject, KeyRef } from "../model/types.js"
 */

import { choice, fail, fields } from "../model/checks.js";
import { parseValue, stringify } from "../model/document.js";
import { changeObjects, checkFrame, objectOf, putKeyframe, selectedFrames, withKeyframes } from "./edit.js";
import { shorten } from "../model/format.js";
import { withoutShape } from "./shapes.js";
import { decodeJson } from "../model/json.js";
import { MAX_TEXT } from "../model/limits.js";
import { mergeObjects, setFrames } from "./operations.js";

/** @typedef {{kind: "objects" | "keyframes", document: Document}} Clip */

/**
 * @param {Document} document
 * @param {{ids: readonly string[]}} args at least one
 * @returns {string}
 */
export function copyObjects(document, { ids }) {
  if (ids.length === 0) fail("ids", ids, "select at least one object");
  for (const id of ids) objectOf(document, id);
  return clipText(
    "objects",
    document,
    document.objects.filter(({ id }) => ids.includes(id)),
  );
}

/**
 * @param {Document} document
 * @param {{selection: readonly KeyRef[]}} args at least one
 * @returns {string}
 */
export function copyKeyframes(document, { selection }) {
  const frames = selectedFrames(document, selection);
  const objects = document.objects
    .filter(({ id }) => frames.has(id))
    .map((object) => ({
      ...withKeyframes(
        withoutShape(object),
        object.keyframes.filter(({ frame }) => frames.get(object.id)?.has(frame)),
      ),
      hidden: [],
    }));
  return clipText("keyframes", document, objects);
}

/**
 * Read the clipboard. Text that is not ours gives null instead of a problem, so that others can handle it.
 * @param {string} text
 * @returns {{clip: Clip | null, problem?: undefined} | {problem: string, clip?: undefined}}
 */
export function parseClip(text) {
  if (!text.includes('"flashmotion"') || !text.trimStart().startsWith("{")) return { clip: null };
  try {
    if (text.length > MAX_TEXT) {
      throw new RangeError(`clipboard is a text of ${text.length} characters: give at most ${MAX_TEXT}.`);
    }
    const data = fields(decodeJson(text, "clipboard"), "clipboard", ["flashmotion", "document"]);
    const kind = choice(data.flashmotion, "clipboard.flashmotion", /** @type {const} */ (["objects", "keyframes"]));
    const document = parseValue(data.document);
    if (document.objects.length === 0) fail("objects", document.objects, "copy at least one object or keyframe");
    return { clip: { kind, document } };
  } catch (error) {
    if (error instanceof RangeError) return { problem: error.message };
    throw error;
  }
}

/**
 * Append copied objects to the document's own. They keep their place in the picture and in time. What lies past the end of
 * this clip is cut, as `setFrames` with "trim" does.
 * @param {Document} document
 * @param {{clip: Clip}} args
 * @returns {Document}
 */
export function pasteObjects(document, { clip }) {
  if (clip.kind !== "objects") fail("clipboard", clip.kind, "copy objects to paste objects");
  const fitted = setFrames(clip.document, { frames: document.frames, fit: "trim" });
  return mergeObjects(document, { objects: fitted.objects });
}

/**
 * Put copied keyframes, the earliest one at `frame`, into objects: those of one object into each of `ids`, those of
 * several objects into as many, in order. They replace keyframes that they land on.
 * @param {Document} document
 * @param {{clip: Clip, ids: readonly string[], frame: number}} args
 * @returns {Document}
 * @throws {RangeError} when the objects are too few or too many, or keyframes would lie past the clip's end
 */
export function pasteKeyframes(document, { clip, ids, frame }) {
  if (clip.kind !== "keyframes") fail("clipboard", clip.kind, "copy keyframes to paste keyframes");
  checkFrame(document, frame);
  const sources = clip.document.objects;
  if (ids.length === 0 || (sources.length > 1 && sources.length !== ids.length)) {
    const wanted =
      sources.length > 1 ? `${sources.length} objects, as many as were copied from` : "at least one object";
    fail("ids", ids, `select ${wanted}`);
  }
  const earliest = Math.min(...sources.map(({ keyframes }) => keyframes[0].frame));
  return changeObjects(document, ids, (object) => {
    const source = sources.length > 1 ? sources[ids.indexOf(object.id)] : sources[0];
    const moved = source.keyframes.map((key) => ({ ...key, frame: key.frame - earliest + frame }));
    const last = moved[moved.length - 1].frame;
    checkFrame(document, last, `last pasted frame of ${shorten(object.id)}`);
    return withKeyframes(object, moved.reduce(putKeyframe, object.keyframes));
  });
}

/**
 * @param {"objects" | "keyframes"} kind
 * @param {Document} document
 * @param {readonly DocumentObject[]} objects
 */
function clipText(kind, document, objects) {
  return `{"flashmotion":"${kind}","document":${stringify({ ...document, objects })}}`;
}
