/**
 * What a run complained about at this node, in the editor's words. Pure.
 *
 * @import { Document } from "../model/types.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} RunProblem
 * @property {string} message the server's
 * @property {string} [input] the input that was refused before the run
 */

import { fill } from "../texts/texts.js";

/** Where errors name a part of the document. */
const FIELD = /(?:trajectory\.)?objects\[(\d+)\](?:\.keyframes\[(\d+)\])?(?:\.(\w+))?/;
const NOTHING = /^DrawTrajectory has no objects;/;

/**
 * @param {RunProblem} problem
 * @param {Document} document that was sent
 * @param {Texts} texts
 * @returns {string}
 */
export function runWords({ message, input }, document, texts) {
  if (NOTHING.test(message)) return texts.runNothing;
  const said = message.trim().replace(FIELD, (field, index, key, name) => placeOf(document, Number(index), key, name, texts) ?? field);
  return input === undefined ? fill(texts.runStopped, said) : fill(texts.runRefused, input, said);
}

/**
 * @param {Document} document
 * @param {number} index
 * @param {string | undefined} key
 * @param {string | undefined} name
 * @param {Texts} texts
 * @returns {string | undefined} undefined: the document has no such part
 */
function placeOf({ objects }, index, key, name, texts) {
  const object = objects[index];
  if (!object) return undefined;
  const label = object.label || object.id;
  const keyframe = key === undefined ? undefined : object.keyframes[Number(key)];
  const place = keyframe ? fill(texts.runAt, label, keyframe.frame) : label;
  return name === undefined ? place : `${place}: ${name}`;
}
