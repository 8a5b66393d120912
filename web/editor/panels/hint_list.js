/**
 * Hints before the run: their number, the lines of each object, and the list that leads to them.
 *
 * @import { Hint } from "../model/hints.js"
 * @import { Document } from "../model/types.js"
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 * @import { Drawable } from "../stage/view_draw.js"
 *
 * @typedef {object} Hints
 * @property {number} count
 * @property {(id: string) => readonly string[]} linesOf an object's hints, as sentences
 * @property {(id: string | undefined, beside: {left: number, top: number, bottom: number}) => void} show list an object's hints, or all
 * @property {() => void} update look again where the document or the picture changed
 */

import { hintsOf } from "../model/hints.js";
import { createSmallPicture } from "../stage/small_picture.js";
import { nameOf } from "../stage/scene.js";
import { fill } from "../texts/texts.js";
import { element } from "../ui/dom.js";
import { openPopup } from "../ui/popup.js";

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {{first: Drawable | undefined, notice: string | undefined}} pictures first: what the clip begins with; a notice: it is not sure
 * @param {() => HTMLElement} root
 * @returns {Hints}
 */
export function createHints(session, texts, pictures, root) {
  const small = createSmallPicture();
  /** @type {ReadonlyMap<string, readonly Hint[]>} */
  let found = new Map();
  /** @type {Document | undefined} */
  let document;
  /** @type {unknown} */
  let pixels;

  /** @param {Hint} hint */
  function sentence({ kind, frame, other }) {
    const twin = session.state.document.objects.find(({ id }) => id === other);
    const text = fill(texts[`hint_${kind}`], frame, twin ? nameOf(twin) : "");
    return text.charAt(0).toUpperCase() + text.slice(1);
  }

  return {
    get count() {
      return [...found.values()].reduce((sum, hints) => sum + hints.length, 0);
    },
    linesOf: (id) => (found.get(id) ?? []).map(sentence),
    show(id, beside) {
      const list = element("div", { class: "fm-hint-list", role: "dialog", "aria-label": texts.hints }, element("strong", {}, texts.hints));
      for (const object of session.state.document.objects) {
        if (id !== undefined && object.id !== id) continue;
        for (const hint of found.get(object.id) ?? []) {
          const line = element("button", { type: "button", class: "fm-item" }, fill(texts.hintLine, nameOf(object), sentence(hint)));
          line.addEventListener("click", () => {
            close();
            session.set({ ids: [object.id], keys: [], frame: hint.frame, playing: false });
          });
          list.append(line);
        }
      }
      const close = openPopup(root(), beside, list);
      list.querySelector("button")?.focus();
    },
    update() {
      // A gesture under way has no hints of its own: they would flicker, and cost time.
      const { state } = session;
      const picture = pictures.notice === undefined ? pictures.first : undefined;
      const now = picture && small(picture, state.document.size);
      if (state.document === document && now === pixels) return;
      [document, pixels] = [state.document, now];
      found = hintsOf(state.document, now);
    },
  };
}
