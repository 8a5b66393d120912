/**
 * The cut-out preview: frame 0's objects, moved along their boxes over the picture. Cut-outs are made once, in small pieces of time and
 * never during a gesture; a frame is then a few drawImage calls. What is drawn where is in model/cutout.js.
 *
 * @import { Document, DocumentObject, FirstShape } from "../model/types.js"
 * @import { HardMask, Size } from "../model/soft_shapes.js"
 * @import { View } from "../model/geometry.js"
 * @import { Cut, Sprite } from "./cutout_sprites.js"
 * @import { Drawable } from "./view_draw.js"
 *
 * @typedef {object} Asked
 * @property {Document} document
 * @property {number} frame
 * @property {Drawable | undefined} picture of frame 0
 * @property {readonly string[]} unseen ids of objects left out
 * @property {boolean} busy a gesture is under way
 * @property {boolean} playing
 *
 * @typedef {object} Preview
 * @property {(ctx: CanvasRenderingContext2D, view: View) => void} draw over the picture
 * @property {ReadonlySet<string>} cut ids of the objects that have a cut-out
 */

import { featherOf, layersOf, movedPart, opennessOf } from "../model/cutout.js";
import { shapeMask } from "../model/first_shape.js";
import { boxAt, isHidden } from "../model/sample.js";
import { cutSprites } from "./cutout_sprites.js";

/** Numbers of shapes, which never change. @type {WeakMap<FirstShape, number>} */
const keys = new WeakMap();
let made = 0;
/** Milliseconds at a time for making cut-outs. */
const SLICE_MS = 6;

/**
 * @param {() => void} onChange called when there is something new to draw
 * @returns {(asked: Asked) => Preview | undefined} undefined: the picture alone is right, or nothing is ready yet
 */
export function createCutoutPicture(onChange) {
  /** @type {Cut | undefined} */
  let cut;
  let cutKey = "";
  let makingKey = "";
  /** @type {CanvasImageSource | undefined} */
  let source;

  /** @param {Generator<undefined, Cut>} making @param {string} key */
  function make(making, key) {
    if (key !== makingKey) return;
    const until = performance.now() + SLICE_MS;
    let step;
    do step = making.next();
    while (!step.done && performance.now() < until);
    if (!step.done) {
      setTimeout(make, 0, making, key);
      return;
    }
    [cut, cutKey, makingKey] = [step.value, key, ""];
    onChange();
  }

  return ({ document, frame, picture, unseen, busy, playing }) => {
    if (!picture || !document.objects.length) return undefined;
    if (picture.source !== source) [source, cut, cutKey, makingKey] = [picture.source, undefined, "", ""];
    // Frame 0 is the picture itself; while the clip plays, boxes look there as they do on the other frames.
    if (frame === 0 && !playing) return undefined;
    if (!busy) {
      const there = document.objects.filter((object) => !unseen.includes(object.id) && !isHidden(object, 0));
      const boxes = there.map((object) => pixelBox(document, object, 0));
      const key = JSON.stringify([picture.width, picture.height, document.size, there.map((object, n) => [object.id, boxes[n], keyOf(object.shape)])]);
      if (key !== cutKey && key !== makingKey) {
        makingKey = key;
        /** @param {DocumentObject} object @returns {(size: Size) => HardMask | null} */
        const maskAt = (object) => (size) => object.shape ? shapeMask(object.shape, scaledBox(object, size), size) : null;
        const asked = there.map((object, n) => ({ id: object.id, box: boxes[n], maskAt: maskAt(object) }));
        setTimeout(make, 0, cutSprites(picture, document.size, asked), key);
      }
    }
    if (!cut) return undefined;
    return { draw: painter(cut, document, frame), cut: new Set(cut.objects.flatMap(({ id, shape }) => (shape ? [id] : []))) };
  };
}

/**
 * @param {Cut} cut
 * @param {Document} document
 * @param {number} frame
 * @returns {Preview["draw"]}
 */
function painter({ objects, pairs }, document, frame) {
  const found = objects.map(({ id, box, shape }) => {
    const object = document.objects.find((candidate) => candidate.id === id);
    const now = object ? pixelBox(document, object, frame) : box;
    if (!object || !shape) return { now, visible: false, openness: 0 };
    const visible = !isHidden(object, frame);
    return { now, visible, openness: opennessOf(box, now, visible, featherOf(box, document.size)) };
  });
  const layers = layersOf(found.map(({ openness }) => openness), found.map(({ visible }) => visible), pairs);
  return (ctx, view) => {
    const [x, y] = [view.width / document.size[0], view.height / document.size[1]];
    for (const { kind, object, inner, opacity } of layers) {
      const { box, hole, shape, patches } = objects[object];
      /** @type {Sprite | undefined} */
      const sprite = kind === "hole" ? hole : kind === "object" ? shape : patches.get(inner);
      if (!sprite) continue;
      const [left, top, width, height] = movedPart(sprite.part, box, kind === "hole" ? box : found[object].now);
      ctx.globalAlpha = opacity;
      ctx.drawImage(sprite.canvas, view.left + left * x, view.top + top * y, width * x, height * y);
    }
    ctx.globalAlpha = 1;
  };
}

/** What tells shapes apart. @param {FirstShape | undefined} shape */
function keyOf(shape) {
  if (!shape) return 0;
  const key = keys.get(shape) ?? (made += 1);
  keys.set(shape, key);
  return key;
}

/** On frame 0. @param {DocumentObject} object @param {Size} size */
function scaledBox(object, size) {
  return pixelBox({ size }, object, 0);
}

/** x, y, w, h in the document's pixels, x, y the top-left corner. @param {{readonly size: Size}} document @param {DocumentObject} object @param {number} frame @returns {[number, number, number, number]} */
function pixelBox({ size }, object, frame) {
  const { x, y, w, h } = boxAt(object, frame);
  return [(x - w * 0.5) * size[0], (y - h * 0.5) * size[1], w * size[0], h * size[1]];
}
