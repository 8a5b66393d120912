/**
 * A camera move, expressed as its effect on the objects.
 *
 * @import { Box, Document, DocumentObject, Ease } from "../model/types.js"
 */

import { replaceRange } from "./bake.js";
import { fail, number } from "../model/checks.js";
import { cutAt } from "./cut.js";
import { easedShare } from "../model/easing.js";
import { checkBox, checkFrame, clampBox, sameBox, withKeyframes } from "./edit.js";
import { parseEase } from "../model/parts.js";
import { boxAt } from "../model/sample.js";

/**
 * Move objects as a camera move between two frames would; those not named keep their place in the frame, as if the camera held them. At `to` the picture is centred on what was at
 * (0.5 + pan.x, 0.5 + pan.y), everything is `zoom` times as large, and it stays so. Panning right moves objects to the left.
 *
 * An object at rest gets two keyframes with the camera's ease. One that moves is baked between `from` and `to`, to the
 * tolerance; one that moves on a smooth path is baked as a whole and its path becomes linear.
 * @param {Document} document
 * @param {object} args
 * @param {readonly string[]} [args.ids] those that belong to the scene; all if left out
 * @param {{x: number, y: number}} args.pan fractions of the frame
 * @param {number} args.zoom 1 keeps the size; above 0
 * @param {number} args.from
 * @param {number} args.to after `from`
 * @param {Ease} [args.ease] of the camera
 * @param {number} [args.tolerance] pixels, of baked objects
 * @returns {Document}
 */
export function applyCamera(document, { ids, pan, zoom, from, to, ease = "linear", tolerance = 0.5 }) {
  checkFrame(document, from, "from");
  checkFrame(document, to, "to");
  if (to <= from) fail("to", to, `give a frame after the camera's first, ${from}`);
  number(pan.x, "pan.x", -9, 9, "fraction of the frame's width");
  number(pan.y, "pan.y", -9, 9, "fraction of the frame's height");
  number(zoom, "zoom", 0, 1000, "how many times as large", true);
  const shape = parseEase(ease, "ease");
  if (pan.x === 0 && pan.y === 0 && zoom === 1) return document;
  /** @param {number} frame */
  const share = (frame) => (frame <= from ? 0 : frame >= to ? 1 : easedShare(shape, (frame - from) / (to - from)));
  /** @param {Box} box @param {number} p */
  const seen = ({ x, y, w, h }, p) => ({
    x: x + p * ((x - 0.5 - pan.x) * zoom + 0.5 - x),
    y: y + p * ((y - 0.5 - pan.y) * zoom + 0.5 - y),
    w: w * (1 + (zoom - 1) * p),
    h: h * (1 + (zoom - 1) * p),
  });
  const objects = document.objects.map((object) => {
    if (ids && !ids.includes(object.id)) return object;
    if (object.path === "smooth" && object.keyframes.length > 1) {
      const boxes = framesOf(0, document.frames - 1).map((f) => seen(clampBox(boxAt(object, f)), share(f)));
      return replaceRange(object, { first: 0, boxes, size: document.size, tolerance });
    }
    const cut = cutAt(cutAt(object, from), to);
    const after = cut.keyframes
      .filter(({ frame }) => frame >= to)
      .map((key) => ({ ...key, ...checkBox(seen(key, 1), object.id) }));
    const before = cut.keyframes.filter(({ frame }) => frame <= from);
    if (rests(object, from, to)) {
      before[before.length - 1] = { ...before[before.length - 1], ease: shape };
      return withKeyframes(object, [...before, ...after]);
    }
    const boxes = framesOf(from, to).map((f) => seen(clampBox(boxAt(cut, f)), share(f)));
    const moved = withKeyframes(object, [...cut.keyframes.filter(({ frame }) => frame < to), ...after]);
    return replaceRange(moved, { first: from, boxes, size: document.size, tolerance });
  });
  return { ...document, objects };
}

/**
 * Whether the object shows one box from `from` to `to`.
 * @param {DocumentObject} object
 * @param {number} from
 * @param {number} to
 */
function rests(object, from, to) {
  const box = boxAt(object, from);
  return framesOf(from, to).every((frame) => sameBox(boxAt(object, frame), box));
}

/**
 * @param {number} first
 * @param {number} last
 */
function framesOf(first, last) {
  return Array.from({ length: last - first + 1 }, (_, step) => first + step);
}
