/**
 * Sets of frames as lists of [first, last], both included.
 *
 * @import { Interval } from "./types.js"
 */

/**
 * The same frames as sorted, disjoint and non-adjacent intervals.
 * @param {readonly Interval[]} intervals
 * @returns {readonly Interval[]}
 */
export function mergeIntervals(intervals) {
  /** @type {Interval[]} */
  const merged = [];
  for (const [first, last] of [...intervals].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const before = merged.at(-1);
    if (before && first <= before[1] + 1) merged[merged.length - 1] = [before[0], Math.max(last, before[1])];
    else merged.push([first, last]);
  }
  return merged;
}

/**
 * The frames of `intervals` that are not in first..last.
 * @param {readonly Interval[]} intervals sorted and disjoint
 * @param {number} first
 * @param {number} last
 * @returns {readonly Interval[]}
 */
export function withoutInterval(intervals, first, last) {
  return intervals.flatMap(([a, b]) => {
    /** @type {Interval[]} */
    const rest = [
      [a, Math.min(b, first - 1)],
      [Math.max(a, last + 1), b],
    ];
    return last < a || first > b ? [/** @type {Interval} */ ([a, b])] : rest.filter(([from, to]) => from <= to);
  });
}

/**
 * The intervals of the frames 0, 1, ... for which `test` holds.
 * @param {number} frames
 * @param {(frame: number) => boolean} test
 * @returns {readonly Interval[]}
 */
export function intervalsWhere(frames, test) {
  /** @type {Interval[]} */
  const found = [];
  for (let f = 0; f < frames; f += 1) if (test(f)) found.push([f, f]);
  return mergeIntervals(found);
}
