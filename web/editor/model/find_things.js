/**
 * What a click on a picture may mean: the things around the pixel clicked, from a detail to all that hangs together, found from colours and
 * edges alone. It knows no cats and no dogs: where a thing has the colours of what is behind it, it takes some of that, or leaves some out.
 *
 * @import { Mask } from "./cells.js"
 * @import { RegionTree } from "./region_tree.js"
 * @import { Pixels } from "./superpixels.js"
 *
 * @typedef {{readonly x: number, readonly y: number, readonly w: number, readonly h: number}} Part of the picture, x, y its top-left corner,
 *   all as fractions of the picture
 * @typedef {(part: Part, side: number) => Pixels} ReadPart its pixels, at most `side` across and down, and at most four for one of the
 *   picture
 *
 * @typedef {object} Thing
 * @property {Part} box
 * @property {Mask} mask over the box
 *
 * @typedef {object} Things
 * @property {number} count how many were found, the smallest first; at least 1
 * @property {number} best the place of the one that stands out most
 * @property {(place: number) => Generator<undefined, Thing>} outline
 *
 * @typedef {{region: number, share: number, score: number}} Candidate a region of a tree, its share of the picture, and how it stands out
 * @typedef {{part: Part, tree: RegionTree, seed: number, candidates: Candidate[]}} Look
 */

import { boundsOf, cutMask, evened, wholePart } from "./cells.js";
import { regionTree } from "./region_tree.js";
import { piecesOf } from "./superpixels.js";

/** Sides in pixels: where things are looked for, and where their outlines are drawn. */
const [LOOK_SIDE, EDGE_SIDE] = [288, 384];
/** Each closer look is at a fifth of the picture before, twice at most. */
const [CLOSER, LOOKS] = [5, 3];
/** A look is too coarse where the pixel clicked differs from its piece by so much, and by so many times more than the piece's own pixels. */
const [OTHER_COLOR, OTHER_TIMES] = [20, 4];
/** What stands out by less cannot be seen. */
const SEEN = 1;
/** Things of nearly the same size count as one. */
const LARGER = 1.5;
const MOST_THINGS = 5;
/** Room around a thing for its outline, as a share of it. */
const ROOM = 0.12;
/** Holes up to this share of a thing are filled. */
const HOLE = 0.02;
/** Things above this share of the picture are seldom meant. */
const LARGE = 0.1;

/**
 * @param {ReadPart} read
 * @param {{x: number, y: number}} at the click, fractions of the picture
 * @returns {Generator<undefined, Things>} each step takes some tens of milliseconds at most
 */
export function* findThings(read, at) {
  /** @type {Look[]} */
  const looks = [];
  /** @type {Part} */
  let part = { x: 0, y: 0, w: 1, h: 1 };
  for (let n = 0; n < LOOKS; n += 1) {
    const look = yield* lookAt(read, part, at);
    // The picture has no more to show.
    if (n && look.tree.pieces.width / part.w < 1.5 * (looks[n - 1].tree.pieces.width / looks[n - 1].part.w)) break;
    looks.push(look);
    part = closer(part, at);
  }
  const finest = looks[looks.length - 1];
  /** @param {Look} look */
  const isTrue = ({ tree, seed }) => {
    const { of, colors } = tree.pieces;
    const seen = of[seed];
    let [spread, count] = [0, 0];
    for (let i = 0; i < of.length; i += 1) {
      if (of[i] !== seen) continue;
      spread += colorsDiffer(tree.mean, seen, colors, i);
      count += 1;
    }
    return colorsDiffer(tree.mean, seen, finest.tree.pieces.colors, finest.seed) < Math.max(OTHER_COLOR, (OTHER_TIMES * spread) / count);
  };
  const first = Math.max(looks.findIndex(isTrue), 0);
  // Where nothing stands out, the whole picture is the thing.
  if (looks.every(({ candidates }) => !candidates.length)) looks[0].candidates.push({ region: looks[0].tree.parent.length - 1, share: 1, score: 0 });
  const [seen] = [...looks.slice(first), ...looks].filter(({ candidates }) => candidates.length);
  const chosen = bestOf(seen.candidates);
  const wanted = looks.flatMap((look) => look.candidates.map((candidate) => ({ look, ...candidate, isBest: candidate === chosen })));
  const distinct = apart(wanted.sort((a, b) => a.share - b.share));
  return {
    count: distinct.length,
    best: distinct.findIndex(({ isBest }) => isBest),
    outline: (place) => outlined(read, distinct[place].look, distinct[place].region, at),
  };
}

/** @param {ReadPart} read @param {Part} part @param {{x: number, y: number}} at @returns {Generator<undefined, Look>} */
function* lookAt(read, part, at) {
  const pixels = read(part, LOOK_SIDE);
  yield;
  const pieces = yield* piecesOf(pixels);
  yield;
  const tree = yield* regionTree(pieces);
  const seed = cellAt(part, pieces.width, pieces.height, at);
  return { part, tree, seed, candidates: candidatesOf(tree, pieces.of[seed], part) };
}

/** A fifth of a part, around a point, within the picture. @param {Part} part @param {{x: number, y: number}} at @returns {Part} */
function closer({ w, h }, { x, y }) {
  const [wide, high] = [w / CLOSER, h / CLOSER];
  return { x: Math.min(Math.max(x - wide / 2, 0), 1 - wide), y: Math.min(Math.max(y - high / 2, 0), 1 - high), w: wide, h: high };
}

/**
 * The regions that grow from a piece, without the whole and, in a closer look, what reaches its border.
 * @param {RegionTree} tree
 * @param {number} piece
 * @param {Part} part
 * @returns {Candidate[]}
 */
function candidatesOf({ pieces, parent, height, size, border }, piece, part) {
  /** @type {Candidate[]} */
  const found = [];
  const all = pieces.width * pieces.height;
  const rim = 2 * (pieces.width + pieces.height);
  for (let region = piece; parent[region] >= 0; region = parent[region]) {
    if (part.w < 1 && border[region]) break;
    const [share, life] = [(size[region] / all) * part.w * part.h, height[parent[region]] - height[region]];
    if (life >= SEEN) found.push({ region, share, score: life * likely(share, border[region] / rim) });
  }
  return found;
}

/** How likely a region is what was meant, by its size and how much of the picture's border it takes. @param {number} share @param {number} rim */
function likely(share, rim) {
  const small = Math.min(0.4 + 0.6 * Math.sqrt(share / 0.003), 1);
  const large = share > LARGE ? Math.sqrt(LARGE / share) : 1;
  return small * large * (1 - 0.6 * Math.min(rim / 0.6, 1));
}

/** @param {readonly Candidate[]} candidates */
function bestOf(candidates) {
  return candidates.reduce((best, one) => (one.score > best.score ? one : best));
}

/**
 * Of candidates of nearly one size the best, and of all the few that stand out most.
 * @template {Candidate & {isBest: boolean}} T
 * @param {readonly T[]} sorted by size
 * @returns {T[]}
 */
function apart(sorted) {
  /** @type {T[]} */
  const kept = [];
  const better = [...sorted].sort((a, b) => Number(b.isBest) - Number(a.isBest) || b.score - a.score);
  for (const one of better) {
    if (kept.length < MOST_THINGS && kept.every(({ share }) => Math.max(share / one.share, one.share / share) >= LARGER)) kept.push(one);
  }
  return kept.sort((a, b) => a.share - b.share);
}

/**
 * A region with its outline at a finer resolution: the pieces there of which it takes more than half.
 * @param {ReadPart} read
 * @param {Look} look
 * @param {number} region
 * @param {{x: number, y: number}} at
 * @returns {Generator<undefined, Thing>}
 */
function* outlined(read, { part, tree }, region, at) {
  const { width, height, of } = tree.pieces;
  const belongs = new Uint8Array(tree.parent.length);
  for (let node = region; node >= 0; node -= 1) {
    belongs[node] = Number(node === region || (tree.parent[node] >= 0 && belongs[tree.parent[node]]));
  }
  const rough = { width, height, inside: Uint8Array.from(of, (piece) => belongs[piece]) };
  const bounds = /** @type {{left: number, top: number, right: number, bottom: number}} */ (boundsOf(rough));
  const [cell, tall] = [part.w / width, part.h / height];
  const [roomX, roomY] = [Math.ceil((bounds.right - bounds.left) * ROOM) + 2, Math.ceil((bounds.bottom - bounds.top) * ROOM) + 2];
  const [left, top] = [Math.max(bounds.left - roomX, 0), Math.max(bounds.top - roomY, 0)];
  const [right, bottom] = [Math.min(bounds.right + roomX, width), Math.min(bounds.bottom + roomY, height)];
  const window = { x: part.x + left * cell, y: part.y + top * tall, w: (right - left) * cell, h: (bottom - top) * tall };
  const pixels = read(window, EDGE_SIDE);
  yield;
  const fine = yield* piecesOf(pixels);
  yield;
  /** @param {number} i a pixel of the finer look */
  const isRough = (i) => {
    const x = Math.min(Math.floor(left + (((i % fine.width) + 0.5) / fine.width) * (right - left)), width - 1);
    const y = Math.min(Math.floor(top + ((Math.floor(i / fine.width) + 0.5) / fine.height) * (bottom - top)), height - 1);
    return rough.inside[y * width + x];
  };
  const [taken, all] = [new Int32Array(fine.count), new Int32Array(fine.count)];
  fine.of.forEach((piece, i) => {
    taken[piece] += isRough(i);
    all[piece] += 1;
  });
  const inside = Uint8Array.from(fine.of, (piece) => Number(taken[piece] * 2 > all[piece]));
  // A finer look may see other pieces altogether.
  if (!inside.includes(1)) inside.forEach((_, i) => (inside[i] = isRough(i)));
  const hole = HOLE * inside.reduce((sum, value) => sum + value, 0);
  const whole = wholePart({ width: fine.width, height: fine.height, inside }, cellAt(window, fine.width, fine.height, at), hole);
  const smooth = evened(whole);
  const mask = smooth.inside.includes(1) ? smooth : whole;
  const edge = /** @type {{left: number, top: number, right: number, bottom: number}} */ (boundsOf(mask));
  const [across, down] = [window.w / fine.width, window.h / fine.height];
  return {
    box: {
      x: window.x + edge.left * across, y: window.y + edge.top * down,
      w: (edge.right - edge.left) * across, h: (edge.bottom - edge.top) * down,
    },
    mask: cutMask(mask, edge),
  };
}

/** @param {Part} part @param {number} width @param {number} height @param {{x: number, y: number}} at */
function cellAt(part, width, height, at) {
  const x = Math.min(Math.max(Math.floor(((at.x - part.x) / part.w) * width), 0), width - 1);
  const y = Math.min(Math.max(Math.floor(((at.y - part.y) / part.h) * height), 0), height - 1);
  return y * width + x;
}

/** @param {ArrayLike<number>} one @param {number} i @param {ArrayLike<number>} other @param {number} j */
function colorsDiffer(one, i, other, j) {
  let sum = 0;
  for (let c = 0; c < 3; c += 1) sum += (one[i * 3 + c] - other[j * 3 + c]) ** 2;
  return Math.sqrt(sum);
}
