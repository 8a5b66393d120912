/**
 * Tells when the clip cuts off much of the picture behind it, and shows what, until the user fits the clip to the picture or keeps it.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Size } from "../model/crop.js"
 * @import { Said } from "../ui/note.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} Cut
 * @property {Size | undefined} margins the picture to show whole; undefined: what is cut off is out of sight
 * @property {() => Said | undefined} question for the banner; undefined: there is nothing to ask
 * @property {() => string} share how much is cut off, as a short text; empty: not worth a word
 * @property {() => void} toggle show what is cut off, or hide it
 * @property {() => void} trust the next picture to arrive belongs to a document that was drawn on it
 * @property {(picture: {notice?: unknown} | undefined) => void} arriving this picture is about to be loaded, or none
 */

import { same } from "../edit/history.js";
import { resized } from "../edit/resize.js";
import { cutShare, fitSize, isCut, sameShape } from "../model/crop.js";
import { fill } from "../texts/texts.js";

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {() => Size | undefined} pictureSize of the picture that the node gets; undefined: there is none, or it is another
 * @param {() => void} changed
 * @returns {Cut}
 */
export function createCut(session, texts, pictureSize, changed) {
  /** The picture whose cut the user knows. @type {Size | undefined} */
  let kept;
  let wanted = false;
  let seen = { key: "", cut: false };
  /** @type {"no" | "next" | "this"} */
  let trusts = "no";
  /** The first picture after the document. @type {{notice?: unknown} | undefined} */
  let trusted;

  /** The picture, if much of it is cut off. */
  function cutPicture() {
    const picture = pictureSize();
    if (!picture || session.state.problem !== undefined) return undefined;
    if (trusts === "this") {
      kept = picture;
      trusts = "no";
    }
    // Asked with every move of the pointer.
    const key = `${picture} ${session.shown.size}`;
    if (seen.key !== key) seen = { key, cut: isCut(picture, session.shown.size) };
    return seen.cut ? picture : undefined;
  }
  /** @param {Size} picture */
  const asks = (picture) => !kept || !sameShape(kept, picture);
  /** @param {Size} picture */
  const percent = (picture) => Math.round(100 * cutShare(picture, session.shown.size));

  function fit() {
    const picture = cutPicture();
    if (!picture) return;
    wanted = false;
    const size = fitSize(picture, session.state.document.size);
    session.edit(texts.stepClip, (document) => resized(document, size, picture), { message: fill(texts.saidFitted, ...size) });
  }

  function keep() {
    kept = pictureSize();
    wanted = false;
    changed();
  }

  return {
    get margins() {
      const picture = cutPicture();
      return picture && (wanted || asks(picture)) ? picture : undefined;
    },
    question() {
      const picture = cutPicture();
      if (!picture || !(wanted || asks(picture))) return undefined;
      const { width, height } = session.state.clip.linked;
      const action = { text: texts.cutFit, title: fill(texts.cutFitTip, ...fitSize(picture, session.shown.size)), run: fit, main: true };
      return {
        text: fill(width || height ? texts.cutAskLinked : texts.cutAsk, percent(picture)),
        actions: [...(width || height ? [] : [action]), { text: texts.cutKeep, title: texts.cutKeepTip, run: keep }],
      };
    },
    share() {
      const picture = cutPicture();
      return picture ? fill(texts.cutShort, percent(picture)) : "";
    },
    toggle() {
      const picture = cutPicture();
      if (!picture) return;
      if (asks(picture)) keep();
      else {
        wanted = !wanted;
        changed();
      }
    },
    trust() {
      trusts = "next";
    },
    arriving(picture) {
      if (trusts === "this") {
        // A picture that is not seen yet is the same when it is; a file that was missing is not the one that the user then chooses.
        if (trusted?.notice === undefined && !same(trusted, picture)) trusts = "no";
      } else if (trusts === "next") trusts = picture ? "this" : "no";
      trusted = picture;
    },
  };
}
