/**
 * What an editor that is not built yet was told, to tell it once it is. Only the last word on each thing counts, with one exception: where
 * one picture took the place of another, the document was not drawn on the one that is there now.
 *
 * @import { Clip } from "./clip.js"
 *
 * @typedef {{notice?: unknown}} Picture
 *
 * @typedef {object} Listener the methods of an editor that only tell it something
 * @property {(text: string) => void} load
 * @property {(clip: Clip) => void} setClip
 * @property {(picture: any) => void} setBackground
 * @property {(result: any) => void} setResult
 * @property {(live: any) => void} setLive
 * @property {(text: string | undefined, notes: string) => void} setResolved
 * @property {(problem: any) => void} setRunProblem
 * @property {(linked: boolean) => void} setLinked
 */

import { same } from "./history.js";

/** @returns {Listener & {text: string | undefined, replay: (editor: Listener) => void}} text: the document's, as it was loaded */
export function createTold() {
  /** By the method, the latest last. @type {Map<string, (editor: Listener) => void>} */
  const told = new Map();
  /** @type {string | undefined} */
  let text;
  /** @type {Clip | undefined} */
  let clip;
  /** The picture from before the document. @type {Picture | undefined} */
  let earlier;
  /** @type {readonly (Picture | undefined)[]} */
  let pictures = [];

  /** @param {string} name @param {(editor: Listener) => void} tell */
  function note(name, tell) {
    told.delete(name);
    told.set(name, tell);
  }

  return {
    get text() {
      return text;
    },
    load(loaded) {
      if (loaded === text) return;
      text = loaded;
      earlier = pictures.at(-1) ?? earlier;
      pictures = [];
      note("load", (editor) => editor.load(loaded));
    },
    setClip(next) {
      if (clip && same(clip, next)) return;
      clip = next;
      note("setClip", (editor) => editor.setClip(next));
    },
    setBackground(picture) {
      pictures = withPicture(pictures, picture);
    },
    setResult: (result) => note("setResult", (editor) => editor.setResult(result)),
    setLive: (live) => note("setLive", (editor) => editor.setLive(live)),
    setResolved: (resolved, notes) => note("setResolved", (editor) => editor.setResolved(resolved, notes)),
    setRunProblem: (problem) => note("setRunProblem", (editor) => editor.setRunProblem(problem)),
    setLinked: (linked) => note("setLinked", (editor) => editor.setLinked(linked)),
    replay(editor) {
      if (earlier) editor.setBackground(earlier);
      for (const tell of told.values()) tell(editor);
      for (const picture of pictures) editor.setBackground(picture);
    },
  };
}

/**
 * The first one that arrives is the one the document was drawn on; none is, too.
 * @param {readonly (Picture | undefined)[]} before since the document was loaded
 * @param {Picture | undefined} picture
 */
function withPicture(before, picture) {
  if (before.length && same(before.at(-1), picture)) return before;
  return !before.length || before[0]?.notice !== undefined ? [picture] : [undefined, picture];
}
