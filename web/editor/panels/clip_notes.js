/**
 * What the editor says about the clip: how much of the picture it cuts off, that it cannot be made, and what the last run complained about.
 *
 * @import { Clip } from "../edit/clip.js"
 * @import { Session } from "../edit/session.js"
 * @import { Size } from "../model/crop.js"
 * @import { Said } from "../ui/note.js"
 * @import { Texts } from "../texts/texts.js"
 * @import { RunProblem } from "./run_words.js"
 */

import { onClip } from "../edit/clip.js";
import { setFrames } from "../edit/operations.js";
import { resized } from "../edit/resize.js";
import { nearestClip } from "../model/nearest.js";
import { createNote } from "../ui/note.js";
import { fill } from "../texts/texts.js";
import { createCut } from "./cut.js";
import { runWords } from "./run_words.js";

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {{size: Size | undefined, notice: string | undefined}} pictures
 * @param {() => void} changed
 */
export function createClipNotes(session, texts, pictures, changed) {
  const cut = createCut(session, texts, () => (pictures.notice === undefined ? pictures.size : undefined), changed);
  const trouble = createNote("alert", "fm-trouble");
  const question = createNote("status", "fm-cut");
  /** @type {string | undefined} */
  let failed;

  session.subscribe(({ document, clip }, before) => {
    // What the run said is no longer about this document.
    if (document !== before.document || clip !== before.clip) failed = undefined;
  });

  /** @returns {Said | undefined} */
  function problem() {
    const { document, problem: broken, clip } = session.state;
    if (broken !== undefined) return undefined;
    const wanted = { size: /** @type {const} */ ([clip.width ?? document.size[0], clip.height ?? document.size[1]]), frames: clip.frames ?? document.frames };
    const right = nearestClip(wanted);
    if (right) {
      const { size: [width, height], frames } = right;
      const run = () => void session.edit(texts.stepClip, (before) => setFrames(resized(before, right.size, pictures.size), { frames, fit: clip.fit }));
      const free = Object.keys(clip.linked).length === 0;
      return {
        text: fill(texts.clipWrong, ...wanted.size, wanted.frames),
        actions: free ? [{ text: fill(texts.clipRight, width, height, frames), run, main: true }] : [],
      };
    }
    return failed === undefined ? undefined : { text: failed, actions: [], dismiss: { text: texts.dismiss, run: () => setFailed(undefined) } };
  }

  /** @param {string | undefined} text */
  function setFailed(text) {
    if (failed === text) return;
    failed = text;
    changed();
  }

  return {
    cut,
    elements: [trouble.element, question.element],
    update() {
      trouble.update(problem());
      question.update(session.state.behind === "picture" ? cut.question() : undefined);
    },
    /** Another document was loaded; one with objects was drawn on the picture that comes with it. */
    loaded() {
      if (session.state.document.objects.length) cut.trust();
    },
    /** @param {Clip} clip */
    changeClip(clip) {
      const { document } = session.state;
      const { size, frames } = onClip(document, clip);
      const message = document.objects.length && pictures.size && size.some((side, index) => side !== document.size[index]) ? texts.saidFollowed : "";
      session.edit(texts.stepClip, (before) => setFrames(resized(before, size, pictures.size), { frames, fit: clip.fit }), { message });
      session.setClip(clip);
    },
    /** @param {RunProblem | undefined} found */
    setRunProblem(found) {
      setFailed(found && runWords(found, session.state.document, texts));
    },
  };
}
