/**
 * What is done to a path where it is clicked, whatever frame is shown.
 *
 * @import { Document, KeyRef } from "../model/types.js"
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { addKeyframe, duplicateKeyframes, removeKeyframes, staticAnchor } from "../edit/operations.js";
import { fill } from "../texts/texts.js";

/**
 * Add a keyframe; the motion stays.
 * @param {Session} session
 * @param {Texts} texts
 * @param {KeyRef} point
 */
export function addPoint(session, texts, { id, frame }) {
  session.edit(texts.stepKey, (document) => addKeyframe(document, { ids: [id], frame }), {
    ids: [id], keys: [{ id, frame }], message: fill(texts.saidKey, frame),
  });
}

/**
 * How long a pause at a keyframe can be: half of the frames to the next one, which the motion then has left.
 * @param {Document} document
 * @param {KeyRef} key
 * @returns {number} frames; 0 where there is no room, or no next keyframe
 */
export function roomForPause(document, { id, frame }) {
  const next = document.objects.find((object) => object.id === id)?.keyframes.find((key) => key.frame > frame);
  return next ? Math.floor((next.frame - frame) / 2) : 0;
}

/**
 * Stand still from a keyframe until half-way to the next.
 * @param {Session} session
 * @param {Texts} texts
 * @param {KeyRef} key with room for a pause
 */
export function pauseAt(session, texts, key) {
  const dFrames = roomForPause(session.state.document, key);
  session.edit(texts.pauseHere, (document) => duplicateKeyframes(document, { selection: [key], dFrames }), {
    keys: [{ id: key.id, frame: key.frame + dFrames }], message: fill(texts.saidPause, key.frame, key.frame + dFrames),
  });
}

/** @param {Session} session @param {Texts} texts @param {KeyRef} point whose box the object keeps for the whole clip */
export function stillAt(session, texts, point) {
  session.edit(texts.keepStill, (document) => staticAnchor(document, point), { keys: [] });
}

/** @param {Session} session @param {Texts} texts @param {KeyRef} key one of several */
export function removePoint(session, texts, key) {
  session.edit(texts.stepRemove, (document) => removeKeyframes(document, { selection: [key] }), { keys: [] });
}
