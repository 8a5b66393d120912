/**
 * One speed curve for the whole path of an object, as in animation programs whose keyframes "rove".
 *
 * @import { Bezier, Document, DocumentObject, Keyframe } from "../model/types.js"
 */

import { changeObjects, checkFrame, sameBox } from "./edit.js";
import { parseEase } from "../model/parts.js";
import { partOfEase, timeOfShare } from "../model/easing.js";
import { boxAt } from "../model/sample.js";
import { fail } from "../model/checks.js";

/** Straight pieces in which the length of a segment is measured. */
const PIECES = 16;

/**
 * Time an object's keyframes so that the way it has gone after a share of the time follows a curve. Places and their order stay; pauses
 * (and "hold") keep their length, and the curve runs over the time between them. Keyframes move to the nearest free frame; first and
 * last stay.
 * @param {Document} document
 * @param {object} args
 * @param {string} args.id
 * @param {Bezier} args.curve share of the way over share of the time, both 0 to 1; [0, 0, 1, 1] is an even speed
 * @param {number} [args.first] keyframes before it keep their time; the object's first keyframe if left out
 * @param {number} [args.last]
 * @returns {Document}
 * @throws {RangeError} for a curve that goes back, and an object that does not move there
 */
export function setPace(document, { id, curve, first = 0, last = document.frames - 1 }) {
  checkFrame(document, first, "first");
  checkFrame(document, last, "last");
  const [x1, y1, x2, y2] = /** @type {Bezier} */ (parseEase(curve, "curve"));
  for (const y of [y1, y2]) if (y < 0 || y > 1) fail("curve", y, "give handles with y from 0 to 1, so that the object does not go back");
  const ease = x1 === y1 && x2 === y2 ? "linear" : curve;
  return changeObjects(document, [id], (object) => {
    const keys = object.keyframes.filter(({ frame }) => frame >= first && frame <= last);
    const timed = paced(object, keys, document.size, ease);
    const before = object.keyframes.filter(({ frame }) => frame < first);
    const keyframes = [...before, ...timed, ...object.keyframes.filter(({ frame }) => frame > last)];
    return keyframes.every((key, index) => sameKey(key, object.keyframes[index])) ? object : { ...object, keyframes };
  });
}

/**
 * @param {DocumentObject} object
 * @param {readonly Keyframe[]} keys of a stretch
 * @param {readonly [number, number]} size
 * @param {Bezier | "linear"} ease
 * @returns {Keyframe[]}
 */
function paced(object, keys, size, ease) {
  const ways = keys.slice(1).map((key, index) => wayBetween(object, keys[index], key, size));
  const way = ways.reduce((sum, one) => sum + one, 0);
  if (!(way > 0)) fail("keyframes", keys, "give the object two places to move between");
  const rests = ways.map((one, index) => (one > 0 ? 0 : keys[index + 1].frame - keys[index].frame));
  const [start, end] = [keys[0].frame, keys[keys.length - 1].frame];
  const moving = end - start - rests.reduce((sum, one) => sum + one, 0);
  const times = [0];
  const frames = [start];
  let [gone, rested] = [0, 0];
  ways.forEach((one, index) => {
    gone += one;
    rested += rests[index];
    times.push(index === ways.length - 1 ? 1 : timeOfShare(ease, Math.min(gone / way, 1)));
    frames.push(start + rested + Math.round(moving * times[index + 1]));
  });
  frames[frames.length - 1] = end;
  const free = apart(frames);
  return keys.map((key, index) => ({
    ...key,
    frame: free[index],
    ease: ways[index] > 0 ? partOfEase(ease, times[index], times[index + 1]) : key.ease,
  }));
}

/**
 * How far the box goes to the next keyframe, in pixels, its edges included; 0 where it stands still, or jumps at the end.
 * @param {DocumentObject} object
 * @param {Keyframe} from
 * @param {Keyframe} to
 * @param {readonly [number, number]} size
 * @returns {number}
 */
function wayBetween(object, from, to, [width, height]) {
  if (from.ease === "hold" || sameBox(from, to)) return 0;
  const even = { ...object, keyframes: object.keyframes.map((key) => (key === from ? { ...key, ease: /** @type {const} */ ("linear") } : key)) };
  let way = 0;
  let before = boxAt(even, from.frame);
  for (let piece = 1; piece <= PIECES; piece += 1) {
    const box = boxAt(even, from.frame + ((to.frame - from.frame) * piece) / PIECES);
    const [dx, dy, dw, dh] = [box.x - before.x, box.y - before.y, (box.w - before.w) / 2, (box.h - before.h) / 2];
    way += Math.hypot(dx * width, dy * height, dw * width, dh * height);
    before = box;
  }
  return way;
}

/**
 * Frames moved as little as needed so that each comes after the one before; the ends stay.
 * @param {readonly number[]} frames from first to last, with room for all between them
 * @returns {number[]}
 */
function apart(frames) {
  const found = [...frames];
  for (let i = 1; i < found.length; i += 1) found[i] = Math.max(found[i], found[i - 1] + 1);
  found[found.length - 1] = frames[frames.length - 1];
  for (let i = found.length - 2; i >= 0; i -= 1) found[i] = Math.min(found[i], found[i + 1] - 1);
  return found;
}

/** @param {Keyframe} a @param {Keyframe} b */
function sameKey(a, b) {
  return a.frame === b.frame && sameBox(a, b) && String(a.ease) === String(b.ease);
}
