/**
 * Pieces of a picture joined two by two, the most alike first, until all is one: from any pixel, regions around it that grow from a
 * detail to a thing to the whole picture. A pure calculation, in small steps.
 *
 * @import { Pieces } from "./superpixels.js"
 *
 * @typedef {object} RegionTree nodes 0 to pieces.count - 1 are the pieces, each later one joins two earlier ones
 * @property {Pieces} pieces
 * @property {Int32Array} parent of each node; -1 for the root
 * @property {Float64Array} height how much its two parts differed, never less than within them; 0 for a piece
 * @property {Float64Array} size pixels
 * @property {Float64Array} border pixels on the picture's border
 * @property {Float64Array} mean Lab, three numbers each
 */

import { difference } from "./superpixels.js";

/** Joins between two looks at the clock. */
const STRIDE = 64;
/** A region of this share of the picture counts fully; a smaller one joins a neighbour sooner. */
const FULL_SHARE = 0.004;

/**
 * @param {Pieces} pieces
 * @returns {Generator<undefined, RegionTree>}
 */
export function* regionTree(pieces) {
  const { width, height, of, count, colors } = pieces;
  const most = 2 * count - 1;
  const tree = {
    pieces, parent: new Int32Array(most).fill(-1), height: new Float64Array(most), size: new Float64Array(most),
    border: new Float64Array(most), mean: new Float64Array(most * 3),
  };
  for (let i = 0; i < of.length; i += 1) {
    const [n, x, y] = [of[i], i % width, Math.floor(i / width)];
    tree.size[n] += 1;
    if (x === 0 || y === 0 || x === width - 1 || y === height - 1) tree.border[n] += 1;
    for (let c = 0; c < 3; c += 1) tree.mean[n * 3 + c] += colors[i * 3 + c];
  }
  for (let n = 0; n < count; n += 1) for (let c = 0; c < 3; c += 1) tree.mean[n * 3 + c] /= tree.size[n];
  yield;
  const links = linksOf(pieces, most);
  yield;
  const queue = createQueue();
  const full = FULL_SHARE * of.length;
  /** @param {number} a @param {number} b @param {Link} link */
  const put = (a, b, link) => queue.push({ cost: costOf(tree, a, b, link, full), a, b });
  for (let a = 0; a < count; a += 1) for (const [b, link] of links[a]) if (a < b) put(a, b, link);
  yield;
  let made = count;
  for (let best = queue.pop(); best; best = queue.pop()) {
    const { a, b, cost } = best;
    if (tree.parent[a] >= 0 || tree.parent[b] >= 0) continue;
    const joined = made;
    made += 1;
    tree.parent[a] = joined;
    tree.parent[b] = joined;
    tree.height[joined] = Math.max(cost, tree.height[a], tree.height[b]);
    tree.size[joined] = tree.size[a] + tree.size[b];
    tree.border[joined] = tree.border[a] + tree.border[b];
    for (let c = 0; c < 3; c += 1) {
      tree.mean[joined * 3 + c] = (tree.mean[a * 3 + c] * tree.size[a] + tree.mean[b * 3 + c] * tree.size[b]) / tree.size[joined];
    }
    const [large, small] = links[a].size >= links[b].size ? [links[a], links[b]] : [links[b], links[a]];
    large.delete(a);
    large.delete(b);
    for (const [other, link] of small) {
      if (other === a || other === b) continue;
      const known = large.get(other);
      large.set(other, known ? { length: known.length + link.length, sum: known.sum + link.sum } : link);
    }
    links[joined] = large;
    for (const [other, link] of large) {
      links[other].delete(a);
      links[other].delete(b);
      links[other].set(joined, link);
      put(other, joined, link);
    }
    if (made % STRIDE === 0) yield;
  }
  return tree;
}

/** @typedef {{readonly length: number, readonly sum: number}} Link pixels along which two regions touch, and their differences there */

/** Who touches whom. @param {Pieces} pieces @param {number} most @returns {Map<number, Link>[]} */
function linksOf({ width, height, of, count, colors }, most) {
  /** @type {Map<number, Link>[]} */
  const links = new Array(most);
  for (let n = 0; n < count; n += 1) links[n] = new Map();
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x;
      if (x + 1 < width) touch(i, i + 1, x > 0 ? i - 1 : i, x + 2 < width ? i + 2 : i + 1);
      if (y + 1 < height) touch(i, i + width, y > 0 ? i - width : i, y + 2 < height ? i + 2 * width : i + width);
    }
  }
  return links;

  /** An edge is as strong as the colours a pixel away from it differ, because the picture is smoothed. @param {number} i @param {number} j @param {number} before @param {number} after */
  function touch(i, j, before, after) {
    const [a, b] = [of[i], of[j]];
    if (a === b) return;
    const step = difference(colors, before, after);
    const known = links[a].get(b);
    const link = known ? { length: known.length + 1, sum: known.sum + step } : { length: 1, sum: step };
    links[a].set(b, link);
    links[b].set(a, link);
  }
}

/** How much two regions differ: half by their colours, half by the edge between them; small ones count less. @param {RegionTree} tree @param {number} a @param {number} b @param {Link} link @param {number} full pixels */
function costOf({ mean, size }, a, b, link, full) {
  const color = difference(mean, a, b);
  const share = Math.min(Math.sqrt(Math.min(size[a], size[b]) / full), 1);
  return (color + link.sum / link.length) * 0.5 * (0.1 + 0.9 * share);
}

/** @typedef {{readonly cost: number, readonly a: number, readonly b: number}} Entry */

/** The cheapest first. @returns {{push: (entry: Entry) => void, pop: () => Entry | undefined}} */
function createQueue() {
  /** @type {Entry[]} */
  const heap = [];
  return {
    push(entry) {
      let at = heap.length;
      heap.push(entry);
      while (at > 0) {
        const above = (at - 1) >> 1;
        if (heap[above].cost <= entry.cost) break;
        heap[at] = heap[above];
        at = above;
      }
      heap[at] = entry;
    },
    pop() {
      const [first] = heap;
      const last = heap.pop();
      if (!last || heap.length === 0) return first;
      let at = 0;
      for (;;) {
        let below = 2 * at + 1;
        if (below >= heap.length) break;
        if (below + 1 < heap.length && heap[below + 1].cost < heap[below].cost) below += 1;
        if (heap[below].cost >= last.cost) break;
        heap[at] = heap[below];
        at = below;
      }
      heap[at] = last;
      return first;
    },
  };
}
