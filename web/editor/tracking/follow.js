/**
 * Follow boxes through a clip, picture by picture. The flow of points inside a box tells how it moved and grew (the medians, as in Kalal's
 * median flow); its likeness to how the object looked keeps it from drifting, and tells when the object is out of sight.
 *
 * @import { Gray } from "./gray.js"
 * @import { Moved, Place } from "./flow.js"
 * @import { Area, Patch } from "./patch.js"
 *
 * @typedef {object} Seen
 * @property {Area | undefined} area undefined: the object is out of sight
 * @property {number} score how much it looks as it did, at most 1
 *
 * @typedef {object} Look how the object looked once
 * @property {Patch} fine
 * @property {Patch} coarse
 *
 * @typedef {object} Follower
 * @property {(pyramid: readonly Gray[]) => Seen} step the next picture, with its halves
 */

import { flow } from "./flow.js";
import { bestAround, bestNear, likeness, patchAt, scaled } from "./patch.js";

const FINE = 28;
const COARSE = 12;
/** Points across a box, and down. */
const GRID = 9;
/** The points of a box keep this far from its border, as shares of its sides: corners rarely belong to the object. */
const INSET = 0.12;
const FEWEST = 6;
/** Pixels that the way forward and back may differ by. */
const MOST_ERROR = 1.5;
/** The most that a box may grow or shrink from one picture to the next, as a factor. */
const MOST_GROWTH = 1.25;
/** At this likeness and above, an object is held to its earlier looks; below it, it has changed. */
const SURE = 0.8;
/** Below this likeness it is out of sight, or something else. */
const LOST = 0.6;
/** How alike an object must look to count as found again after it was out of sight. */
const AGAIN = 0.75;
/** The share of points that must agree before a new look is learnt: what passes in front moves otherwise. */
const AGREE = 0.85;
/** Looks that are kept: the first one always. */
const LOOKS = 6;

/**
 * @param {readonly Gray[]} pyramid the first picture, with its halves
 * @param {Area} box in it
 * @returns {Follower | undefined} undefined: the box holds nothing that could be followed (it is plain, or outside)
 */
export function createFollower(pyramid, box) {
  const first = lookAt(pyramid, box);
  if (!first) return undefined;
  /** @type {Look[]} */
  const looks = [first];
  let before = pyramid;
  let area = box;
  let away = 0;

  /** @param {readonly Gray[]} now @returns {Seen} */
  function goOn(now) {
    const moved = flow(before, now, pointsIn(area)).filter(({ error }) => error <= MOST_ERROR);
    const guess = moved.length >= FEWEST ? shifted(area, moved) : area;
    const found = bestOf(now, looks, guess, moved.length >= FEWEST ? 0.03 : 0.12);
    // The flow alone is exact over one step; the likeness is exact over all of them, as long as the object looks the same.
    const next = found.score >= SURE ? found.area : guess;
    const score = found.score >= SURE ? found.score : likenessOf(now, looks, guess);
    if (score < LOST) return { area: undefined, score };
    if (score < SURE && agreement(area, next, moved) >= AGREE) learn(now, next);
    return { area: next, score };
  }

  /** @param {readonly Gray[]} now @returns {Seen} */
  function lookFor(now) {
    away += 1;
    const reach = Math.max(area.w, area.h) * (1 + 0.15 * away);
    const coarse = [looks[0], looks[looks.length - 1]].map(({ coarse: patch }) => bestAround(now, patch, area, reach)).reduce((a, b) => (b.score > a.score ? b : a));
    if (coarse.score < LOST) return { area: undefined, score: coarse.score };
    const found = bestOf(now, looks, coarse.area, 0.12);
    return found.score >= AGAIN ? found : { area: undefined, score: found.score };
  }

  /** @param {readonly Gray[]} now @param {Area} place */
  function learn(now, place) {
    const look = lookAt(now, place);
    if (!look) return;
    if (looks.length === LOOKS) looks.splice(1, 1);
    looks.push(look);
  }

  return {
    step(now) {
      const seen = away ? lookFor(now) : goOn(now);
      if (seen.area) [area, away] = [seen.area, 0];
      else if (!away) away = 1;
      before = now;
      return seen;
    },
  };
}

/** @param {readonly Gray[]} pyramid @param {Area} area @returns {Look | undefined} */
function lookAt(pyramid, area) {
  const [fine, coarse] = [patchAt(pyramid, area, FINE), patchAt(pyramid, area, COARSE)];
  return fine && coarse && { fine, coarse };
}

/** @param {readonly Gray[]} pyramid @param {readonly Look[]} looks @param {Area} guess @param {number} reach */
function bestOf(pyramid, looks, guess, reach) {
  const likely = looks.reduce((one, other) => (likenessTo(pyramid, other, guess) > likenessTo(pyramid, one, guess) ? other : one));
  return bestNear(pyramid, likely.fine, guess, reach);
}

/** @param {readonly Gray[]} pyramid @param {Look} look @param {Area} area */
const likenessTo = (pyramid, { fine }, area) => likeness(fine, patchAt(pyramid, area, FINE));

/** @param {readonly Gray[]} pyramid @param {readonly Look[]} looks @param {Area} area */
const likenessOf = (pyramid, looks, area) => Math.max(...looks.map((look) => likenessTo(pyramid, look, area)));

/** @param {Area} area @returns {Place[]} */
function pointsIn({ x, y, w, h }) {
  return Array.from({ length: GRID * GRID }, (_, i) => {
    const [across, down] = [(i % GRID) / (GRID - 1), Math.floor(i / GRID) / (GRID - 1)].map((t) => INSET + t * (1 - 2 * INSET) - 0.5);
    return { x: x + across * w, y: y + down * h };
  });
}

/** The box, moved and grown as its points did. @param {Area} area @param {readonly Moved[]} moved @returns {Area} */
function shifted(area, moved) {
  const growth = Math.min(Math.max(growthOf(moved), 1 / MOST_GROWTH), MOST_GROWTH);
  // Points that lie off the centre move by the growth too.
  const dx = median(moved.map(({ from, to }) => to.x - area.x - growth * (from.x - area.x)));
  const dy = median(moved.map(({ from, to }) => to.y - area.y - growth * (from.y - area.y)));
  return scaled({ ...area, x: area.x + dx, y: area.y + dy }, growth);
}

/** The median of how much the distances between points grew. @param {readonly Moved[]} moved */
function growthOf(moved) {
  const ratios = [];
  for (let i = 0; i < moved.length; i += 1) {
    for (let j = i + 1; j < moved.length; j += 1) {
      const was = Math.hypot(moved[i].from.x - moved[j].from.x, moved[i].from.y - moved[j].from.y);
      const is = Math.hypot(moved[i].to.x - moved[j].to.x, moved[i].to.y - moved[j].to.y);
      if (was > 2) ratios.push(is / was);
    }
  }
  return ratios.length ? median(ratios) : 1;
}

/** The share of a box's points that moved as the box did. @param {Area} before @param {Area} after @param {readonly Moved[]} moved */
function agreement(before, after, moved) {
  const growth = after.w / before.w;
  const slack = 0.5 + 0.03 * Math.max(after.w, after.h);
  const agree = moved.filter(({ from, to }) =>
    Math.hypot(to.x - after.x - growth * (from.x - before.x), to.y - after.y - growth * (from.y - before.y)) <= slack);
  return moved.length >= FEWEST ? agree.length / moved.length : 0;
}

/** @param {readonly number[]} numbers one at least */
function median(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}
