/**
 * The clip as the node's inputs want it. Where an input `width`, `height` or `length` has a value, the node brings the document to it, and
 * the editor shows the same.
 *
 * @import { Document } from "../model/types.js"
 *
 * @typedef {"width" | "height" | "frames"} ClipField
 *
 * @typedef {object} Clip
 * @property {number} [width] pixels; undefined: as in the document, or unknown
 * @property {number} [height]
 * @property {number} [frames]
 * @property {"retime" | "trim"} fit what a change of length does
 * @property {Readonly<Partial<Record<ClipField, "known" | "unknown">>>} linked the fields that another node decides, and whether it is
 *   known how
 */

import { setFrames, setSize } from "./operations_clip.js";

/** Nothing but the document decides. @type {Clip} */
export const OWN_CLIP = { fit: "retime", linked: {} };

/**
 * A document as the node resolves it: boxes keep their place in the frame, time is stretched or cut.
 * @param {Document} document
 * @param {Clip} clip
 * @returns {Document} the very same where nothing differs; what a document cannot hold is left out, and so is all that follows from it
 */
export function onClip(document, { width, height, frames, fit }) {
  try {
    const sized = setSize(document, { width: width ?? document.size[0], height: height ?? document.size[1] });
    return setFrames(sized, { frames: frames ?? document.frames, fit });
  } catch (error) {
    if (error instanceof RangeError) return document;
    throw error;
  }
}

/**
 * The clip after the editor changed the document: its own inputs show what the document says now, those of other nodes stay.
 * @param {Clip} clip
 * @param {Document} document
 * @returns {Clip}
 */
export function followed(clip, { size, frames }) {
  const now = { width: size[0], height: size[1], frames };
  /** @type {Clip} */
  const next = { ...clip };
  for (const field of /** @type {const} */ (["width", "height", "frames"])) {
    if (clip[field] !== undefined && !clip.linked[field]) next[field] = now[field];
  }
  return next;
}
