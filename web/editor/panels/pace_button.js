/**
 * The speed curve of whole paths: a button with its panel.
 *
 * @import { Bezier, DocumentObject, KeyRef } from "../model/types.js"
 * @import { CommandContext } from "./toolbar.js"
 */

import { openCurve } from "./curve.js";
import { iconButton, setAttribute } from "../ui/dom.js";
import { setPace } from "../edit/pace.js";
import { moves } from "../edit/speed.js";
import { caption } from "./toolbar.js";

/** @type {Bezier} */
const EVEN = [0.25, 0.25, 0.75, 0.75];
/** The curve that an object was last given, for the next look. @type {WeakMap<DocumentObject, Bezier>} */
const given = new WeakMap();

/**
 * @param {CommandContext & {root: () => HTMLElement}} context
 * @returns {{button: HTMLButtonElement, update: () => void}}
 */
export function createPaceButton({ session, texts, root }) {
  const button = iconButton("pace", texts.pace, open, { "aria-haspopup": "dialog" });
  button.append(caption(texts.shortPace));
  const moving = () => session.shown.objects.filter((object) => session.state.ids.includes(object.id) && moves(object));

  function open() {
    const [first] = moving();
    const { keys } = session.state;
    openCurve(root(), button.getBoundingClientRect(), texts, given.get(first) ?? EVEN, (curve) => apply(curve, keys), {
      title: texts.pace,
      limits: [0, 1],
      presets: [
        [texts.easeLinear, EVEN], [texts.easeInOut, [0.42, 0, 0.58, 1]], [texts.easeIn, [0.42, 0, 1, 1]], [texts.easeOut, [0, 0, 0.58, 1]],
      ],
    });
  }

  /** @param {Bezier} curve @param {readonly KeyRef[]} keys selected when the panel opened */
  function apply(curve, keys) {
    session.edit(texts.stepPace, (document) => moving().reduce((before, { id }) => {
      // Two selected keyframes name a stretch.
      const own = keys.filter((key) => key.id === id).map(({ frame }) => frame);
      const stretch = own.length > 1 ? { first: Math.min(...own), last: Math.max(...own) } : {};
      return setPace(before, { id, curve, ...stretch });
    }, document));
    for (const object of moving()) given.set(object, curve);
  }

  return {
    button,
    update() {
      button.disabled = moving().length === 0;
      setAttribute(button, "title", button.disabled ? texts.paceNeedsPath : texts.pace);
    },
  };
}
