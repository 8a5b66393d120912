/**
 * Objects that came from connected boxes, tracks or masks in the last run, made into keyframes of the document.
 *
 * @import { Document } from "../model/types.js"
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { parse } from "../model/document.js";
import { mergeObjects, setFrames } from "../edit/operations.js";
import { openForm } from "../ui/popup.js";
import { sampleDocument } from "../model/sample.js";
import { fromBoxes } from "../model/simplify.js";

/**
 * A function that asks for the tolerance and takes over the objects; undefined when the last run had none.
 * @param {Session} session
 * @param {Texts} texts
 * @param {string | undefined} resolved the document that the last run made
 * @param {HTMLElement} root
 * @returns {((beside: {left: number, top: number, bottom: number}) => void) | undefined}
 */
export function connectedObjects(session, texts, resolved, root) {
  const found = resolved === undefined ? undefined : parse(resolved).document;
  const own = new Set(session.state.document.objects.map(({ id }) => id));
  const others = found?.objects.filter(({ id }) => !own.has(id)) ?? [];
  if (!found || !others.length) return undefined;
  const fields = [{ name: "tolerance", label: texts.tolerance, value: 4, min: 0, max: 200 }];
  return (beside) =>
    openForm(root, beside, { title: texts.useConnected, texts, fields }, ({ tolerance }) =>
      session.edit(texts.stepImport, (document) => {
        const { objects } = simplified(setFrames({ ...found, objects: others }, { frames: document.frames, fit: "retime" }), tolerance);
        return mergeObjects(document, { objects });
      }));
}

/** @param {Document} document @param {number} tolerance pixels */
function simplified(document, tolerance) {
  const { boxes, visible, size } = sampleDocument(document);
  const ids = document.objects.map(({ id }) => id);
  const labels = document.objects.map(({ label }) => label);
  return fromBoxes({ boxes, visible, size, fps: document.fps, tolerance, ids, labels });
}
