/** Which items of a bar fold away where it is too narrow for all. */

/**
 * @typedef {object} Foldable
 * @property {number} width pixels, with the gap to the next; 0: takes no room and stays
 * @property {number} rank what has the highest folds first, equals fold together; 0: stays
 */

/**
 * @param {readonly Foldable[]} items in the order of the bar
 * @param {number} room pixels
 * @param {number} more pixels of the button that opens what is folded; it appears when anything but separators folds
 * @returns {Set<number>} the places of those that fold
 */
export function whatFolds(items, room, more) {
  /** @type {Set<number>} */
  const folded = new Set();
  let need = items.reduce((sum, { width }) => sum + width, 0);
  const order = items.map((item, place) => ({ ...item, place })).filter(({ rank, width }) => rank > 0 && width > 0)
    .sort((a, b) => (a.rank === b.rank ? 0 : b.rank - a.rank));
  let opened = false;
  let last = -1;
  for (const { width, rank, place } of order) {
    if (need <= room && rank !== last) break;
    folded.add(place);
    last = rank;
    need -= width;
    if (!opened && rank < Infinity) {
      opened = true;
      need += more;
    }
  }
  return folded;
}
