/**
 * How an object looks, and how much a box of another picture looks like it: normalised cross-correlation of small grey patches.
 *
 * @import { Gray } from "./gray.js"
 *
 * @typedef {{readonly x: number, readonly y: number, readonly w: number, readonly h: number}} Area pixels; x, y is the centre
 *
 * @typedef {object} Patch
 * @property {number} side
 * @property {Float32Array} values `side` x `side`, those inside the picture with mean 0 and length 1
 * @property {Uint8Array} inside 1 where the picture is
 */

import { valueAt } from "./gray.js";

/** Less of a box inside the picture than this tells nothing. */
const LEAST_INSIDE = 0.3;
/** The search stops at steps of this share of a box's side. */
const FINEST = 1 / 200;

/**
 * What is in a box, from the half whose pixels are about as large as the samples.
 * @param {readonly Gray[]} pyramid
 * @param {Area} whole in pixels of the largest
 * @param {number} side samples across and down
 * @returns {Patch | undefined} undefined: the area is hardly in the picture, or plain
 */
export function patchAt(pyramid, whole, side) {
  const level = levelFor(pyramid, whole, side);
  const gray = pyramid[level];
  const area = scaledDown(whole, level);
  const values = new Float32Array(side * side);
  const inside = new Uint8Array(side * side);
  let [count, sum] = [0, 0];
  for (let i = 0; i < values.length; i += 1) {
    const x = area.x + (((i % side) + 0.5) / side - 0.5) * area.w;
    const y = area.y + ((Math.floor(i / side) + 0.5) / side - 0.5) * area.h;
    if (x < 0 || y < 0 || x > gray.width || y > gray.height) continue;
    values[i] = valueAt(gray, x, y);
    inside[i] = 1;
    count += 1;
    sum += values[i];
  }
  if (count < LEAST_INSIDE * values.length) return undefined;
  let power = 0;
  for (let i = 0; i < values.length; i += 1) {
    values[i] = inside[i] ? values[i] - sum / count : 0;
    power += values[i] ** 2;
  }
  // Less than one grey step: noise.
  if (!(power > count)) return undefined;
  const length = Math.sqrt(power);
  for (let i = 0; i < values.length; i += 1) values[i] /= length;
  return { side, values, inside };
}

/** @param {readonly Gray[]} pyramid @param {Area} area @param {number} side */
function levelFor(pyramid, { w, h }, side) {
  let level = 0;
  while (level < pyramid.length - 1 && Math.min(w, h) / 2 ** (level + 1) >= side) level += 1;
  return level;
}

/** @param {Area} area @param {number} level @returns {Area} */
function scaledDown({ x, y, w, h }, level) {
  const factor = 2 ** -level;
  return { x: x * factor, y: y * factor, w: w * factor, h: h * factor };
}

/**
 * How much two patches look alike, by what is inside both pictures.
 * @param {Patch} a
 * @param {Patch | undefined} b of the same side; undefined: nothing there
 * @returns {number} 1: alike, 0: unrelated, -1: opposite
 */
export function likeness(a, b) {
  if (!b) return 0;
  let [n, sumA, sumB] = [0, 0, 0];
  for (let i = 0; i < a.values.length; i += 1) {
    if (!a.inside[i] || !b.inside[i]) continue;
    n += 1;
    sumA += a.values[i];
    sumB += b.values[i];
  }
  if (n < LEAST_INSIDE * a.values.length) return 0;
  let [both, powerA, powerB] = [0, 0, 0];
  for (let i = 0; i < a.values.length; i += 1) {
    if (!a.inside[i] || !b.inside[i]) continue;
    const [p, q] = [a.values[i] - sumA / n, b.values[i] - sumB / n];
    both += p * q;
    powerA += p * p;
    powerB += q * q;
  }
  return powerA > 0 && powerB > 0 ? both / Math.sqrt(powerA * powerB) : 0;
}

/**
 * The box near a first guess that looks most like a patch: steps to the sides and in size, halved whenever none of them is better.
 * @param {readonly Gray[]} pyramid
 * @param {Patch} patch
 * @param {Area} guess
 * @param {number} reach the first step, as a share of the box's side
 * @returns {{area: Area, score: number}}
 */
export function bestNear(pyramid, patch, guess, reach) {
  let area = guess;
  let score = likeness(patch, patchAt(pyramid, guess, patch.side));
  for (let step = reach; step >= FINEST; ) {
    const tries = around(area, step).map((place) => ({ area: place, score: likeness(patch, patchAt(pyramid, place, patch.side)) }));
    const best = tries.reduce((one, other) => (other.score > one.score ? other : one));
    if (best.score > score + 1e-6) ({ area, score } = best);
    else step /= 2;
  }
  return { area, score };
}

/** @param {Area} area @param {number} step @returns {Area[]} */
function around(area, step) {
  const [dx, dy] = [area.w * step, area.h * step];
  return [
    { ...area, x: area.x - dx }, { ...area, x: area.x + dx }, { ...area, y: area.y - dy }, { ...area, y: area.y + dy },
    scaled(area, 1 + step), scaled(area, 1 / (1 + step)),
  ];
}

/** @param {Area} area @param {number} factor @returns {Area} */
export function scaled(area, factor) {
  return { ...area, w: area.w * factor, h: area.h * factor };
}

/**
 * The box anywhere around a place that looks most like a patch, for an object that was out of sight. Boxes that stick out are not tried.
 * @param {readonly Gray[]} pyramid
 * @param {Patch} patch small: many places are tried
 * @param {Area} last where it was seen last
 * @param {number} reach how far its centre may be by now, in pixels
 * @returns {{area: Area, score: number}}
 */
export function bestAround(pyramid, patch, last, reach) {
  let best = { area: last, score: -1 };
  for (const factor of [1, 0.85, 1.18]) {
    const area = scaled(last, factor);
    const level = levelFor(pyramid, area, patch.side);
    const found = bestInside(pyramid[level], patch, scaledDown(area, level), reach / 2 ** level);
    if (found.score > best.score) best = { area: scaledDown(found.area, -level), score: found.score };
  }
  return best;
}

/**
 * The same in one picture and one size, at whole pixels.
 * @param {Gray} gray
 * @param {Patch} patch
 * @param {Area} area
 * @param {number} reach
 */
function bestInside({ width, height, data }, { side, values }, area, reach) {
  const [left, top] = [Math.floor(-area.w / 2), Math.floor(-area.h / 2)];
  const offsets = Int32Array.from({ length: side * side }, (_, i) => {
    const [across, down] = [(i % side) + 0.5, Math.floor(i / side) + 0.5];
    return (Math.floor((down / side) * area.h) + top) * width + Math.floor((across / side) * area.w) + left;
  });
  const [stepX, stepY] = [area.w, area.h].map((extent) => Math.max(Math.floor(extent / side), 1));
  const [firstX, lastX] = [Math.max(Math.floor(area.x - reach), -left), Math.min(Math.ceil(area.x + reach), width - Math.ceil(area.w / 2) - 1)];
  const [firstY, lastY] = [Math.max(Math.floor(area.y - reach), -top), Math.min(Math.ceil(area.y + reach), height - Math.ceil(area.h / 2) - 1)];
  let best = { area, score: -1 };
  for (let y = firstY; y <= lastY; y += stepY) {
    for (let x = firstX; x <= lastX; x += stepX) {
      const at = y * width + x;
      let [sum, squares, both] = [0, 0, 0];
      for (let i = 0; i < offsets.length; i += 1) {
        const value = data[at + offsets[i]];
        sum += value;
        squares += value * value;
        both += value * values[i];
      }
      const power = squares - (sum * sum) / offsets.length;
      const score = power > offsets.length ? both / Math.sqrt(power) : 0;
      if (score > best.score) best = { area: { ...area, x, y }, score };
    }
  }
  return best;
}
