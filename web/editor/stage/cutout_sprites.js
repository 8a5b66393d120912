/**
 * Cut-outs, fillings of holes and patches as canvases, made piece by piece from a picture.
 *
 * @import { Corner, HardMask, Shape, Size } from "../model/soft_shapes.js"
 * @import { CutOut } from "../model/cutout.js"
 * @import { Drawable } from "./view_draw.js"
 *
 * @typedef {{left: number, top: number, width: number, height: number}} Part in the document's pixels
 * @typedef {{canvas: HTMLCanvasElement, part: Part}} Sprite
 *
 * @typedef {object} CutObject
 * @property {string} id
 * @property {Corner} box on frame 0, in the document's pixels
 * @property {Sprite | undefined} shape undefined, as its hole, where it is outside on frame 0
 * @property {Sprite | undefined} hole
 * @property {Map<number, Sprite>} patches by the place of the object whose hole is filled
 *
 * @typedef {{objects: CutObject[], pairs: [number, number][]}} Cut
 */

import { cropOf } from "../model/crop.js";
import { cutOut, ownMasks, ownedPairs } from "../model/cutout.js";
import { fillSoftly } from "../model/soft_fill.js";
import { opacityAt } from "../model/soft_shapes.js";
import { element } from "../ui/dom.js";

/** Longest sides in pixels: of the picture that is cut, and of the one that fills holes, which is smooth. */
const [FINE_SIDE, COARSE_SIDE] = [1280, 256];
/** All cut-outs together, in pixels: 4 bytes each. */
const MOST_PIXELS = 8e6;

/**
 * Cut objects out of a picture. Each step takes a few milliseconds.
 * @param {Drawable} picture
 * @param {Size} size of the document, in pixels
 * @param {readonly {id: string, box: Corner, maskAt: (size: Size) => HardMask | null}[]} asked visible on frame 0; boxes in the document's pixels
 * @returns {Generator<undefined, Cut>}
 */
export function* cutSprites(picture, size, asked) {
  const area = asked.reduce((sum, { box }) => sum + Math.min(box[2], size[0]) * Math.min(box[3], size[1]), 0);
  const side = FINE_SIDE * Math.min(1, Math.sqrt(MOST_PIXELS / (area * (FINE_SIDE / Math.max(...size)) ** 2)));
  const [fine, coarse] = [pixelsOf(picture, size, side), pixelsOf(picture, size, COARSE_SIDE)];
  yield;
  const [sharp, smooth] = [fine, coarse].map((pixels) => {
    const boxes = asked.map(({ box }) => scaled(box, pixels.scale));
    return { pixels, boxes, masks: ownMasks(asked.map(({ maskAt }) => maskAt(pixels.size)), boxes, pixels.size) };
  });
  /** @type {(CutOut | null)[]} */
  const cuts = [];
  /** @type {(Sprite | undefined)[]} */
  const sprites = [];
  for (const n of asked.keys()) {
    yield;
    const exact = cutOut(sharp.boxes[n], fine.size, sharp.masks[n]);
    cuts.push(exact && cutOut(smooth.boxes[n], coarse.size, smooth.masks[n]));
    sprites.push(cuts[n] && exact ? spriteOf(fine, exact.shape, colorsAround(fine, exact.shape)) : undefined);
  }
  yield;
  const pairs = ownedPairs(smooth.boxes, cuts);
  yield;
  const background = withoutObjects(coarse, cuts);
  /** @type {CutObject[]} */
  const objects = [];
  for (const [n, { id, box }] of asked.entries()) {
    yield;
    const [cut, shape] = [cuts[n], sprites[n]];
    const inner = pairs.filter(([outer]) => outer === n).map(([, m]) => m);
    const hole = cut ? spriteOf(coarse, cut.hole, colorsAround(background, cut.hole)) : undefined;
    objects.push({ id, box, shape, hole, patches: inner.length ? patchesOf(coarse, cuts, n, inner) : new Map() });
  }
  return { objects, pairs };
}

/** @typedef {{size: Size, scale: readonly [number, number], data: Uint8ClampedArray}} Pixels RGBA; `scale`: its pixels in one of the document */

/** The picture as the clip crops it, with its longer side at most `side`. @param {Drawable} picture @param {Size} size @param {number} side @returns {Pixels} */
function pixelsOf(picture, size, side) {
  const factor = Math.min(1, side / Math.max(...size));
  const [width, height] = size.map((pixels) => Math.max(Math.round(pixels * factor), 1));
  const ctx = element("canvas", { width, height }).getContext("2d", { willReadFrequently: true });
  if (!ctx) throw new Error("A canvas gave no context.");
  ctx.imageSmoothingQuality = "high";
  const crop = cropOf([picture.width, picture.height], size) ?? { x: 0, y: 0, width: picture.width, height: picture.height };
  ctx.drawImage(picture.source, crop.x, crop.y, crop.width, crop.height, 0, 0, width, height);
  return { size: [width, height], scale: [width / size[0], height / size[1]], data: ctx.getImageData(0, 0, width, height).data };
}

/** The picture with its holes filled. @param {Pixels} pixels @param {readonly (CutOut | null)[]} cuts @returns {Pixels} */
function withoutObjects(pixels, cuts) {
  const [width, height] = pixels.size;
  const known = new Float32Array(width * height).fill(1);
  for (const cut of cuts) {
    if (!cut) continue;
    const { left, top, width: w, alpha } = cut.hole;
    alpha.forEach((value, i) => {
      known[(top + Math.floor(i / w)) * width + left + (i % w)] *= 1 - value;
    });
  }
  const data = new Float32Array(known.length * 3);
  for (let i = 0; i < data.length; i += 1) data[i] = pixels.data[Math.floor(i / 3) * 4 + (i % 3)];
  return { ...pixels, data: asBytes(fillSoftly({ width, height, data }, known).data) };
}

/**
 * The holes of the objects `inner` in the cut-out of object `n`, filled from the rest of it.
 * @param {Pixels} pixels
 * @param {readonly (CutOut | null)[]} cuts
 * @param {number} n
 * @param {readonly number[]} inner
 * @returns {Map<number, Sprite>}
 */
function patchesOf(pixels, cuts, n, inner) {
  const { shape } = /** @type {CutOut} */ (cuts[n]);
  const holes = inner.map((m) => inWindow(/** @type {CutOut} */ (cuts[m]).hole, shape));
  const known = shape.alpha.map((value, i) => holes.reduce((left, hole) => left * (1 - hole[i]), value));
  const around = colorsAround(pixels, shape);
  const data = Float32Array.from({ length: known.length * 3 }, (_, i) => around[Math.floor(i / 3) * 4 + (i % 3)]);
  const filled = asBytes(fillSoftly({ width: shape.width, height: shape.height, data }, known).data);
  return new Map(inner.map((m, k) => [m, spriteOf(pixels, { ...shape, alpha: shape.alpha.map((value, i) => value * holes[k][i]) }, filled)]));
}

/** A shape's opacity in the window of another. @param {Shape} shape @param {Shape} other */
function inWindow(shape, { left, top, width, alpha }) {
  return alpha.map((_, i) => opacityAt(shape, left + (i % width), top + Math.floor(i / width)));
}

/** RGBA of the pixels below a shape; the picture's border pixels continue outside. @param {Pixels} pixels @param {Shape} shape */
function colorsAround({ size: [wide, high], data }, { left, top, width, height }) {
  const from = new Uint32Array(data.buffer);
  const to = new Uint32Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const row = Math.min(Math.max(top + y, 0), high - 1) * wide;
    for (let x = 0; x < width; x += 1) to[y * width + x] = from[row + Math.min(Math.max(left + x, 0), wide - 1)];
  }
  return new Uint8ClampedArray(to.buffer);
}

/** RGB numbers as RGBA. @param {Float32Array} data */
function asBytes(data) {
  const bytes = new Uint8ClampedArray((data.length / 3) * 4);
  for (let i = 0; i < data.length; i += 1) bytes[Math.floor(i / 3) * 4 + (i % 3)] = data[i];
  return bytes;
}

/**
 * @param {{scale: readonly [number, number]}} pixels
 * @param {Shape} shape
 * @param {Uint8ClampedArray<ArrayBuffer>} colors RGBA of its pixels; the opacity is set here
 * @returns {Sprite}
 */
function spriteOf({ scale }, { left, top, width, height, alpha }, colors) {
  const canvas = element("canvas", { width, height });
  const image = new ImageData(new Uint8ClampedArray(colors), width, height);
  for (let i = 0; i < alpha.length; i += 1) image.data[i * 4 + 3] = alpha[i] * 255;
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return { canvas, part: { left: left / scale[0], top: top / scale[1], width: width / scale[0], height: height / scale[1] } };
}

/** @param {Corner} box @param {readonly [number, number]} scale @returns {Corner} */
function scaled([x, y, w, h], [across, down]) {
  return [x * across, y * down, w * across, h * down];
}
