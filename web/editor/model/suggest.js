/** "Did you mean": the nearest known name, by the measure of Python's difflib, so that both languages suggest the same. */

/**
 * Characters in common, counted as difflib does: the longest common piece, then the same to its left and right.
 * @param {readonly string[]} a
 * @param {readonly string[]} b
 * @returns {number}
 */
function matching(a, b) {
  let best = { size: 0, a: 0, b: 0 };
  for (let i = 0; i < a.length; i += 1) {
    for (let j = 0; j < b.length; j += 1) {
      let size = 0;
      while (i + size < a.length && j + size < b.length && a[i + size] === b[j + size]) size += 1;
      if (size > best.size) best = { size, a: i, b: j };
    }
  }
  if (best.size === 0) return 0;
  const left = matching(a.slice(0, best.a), b.slice(0, best.b));
  const right = matching(a.slice(best.a + best.size), b.slice(best.b + best.size));
  return left + best.size + right;
}

/**
 * ` (did you mean "x"?)`, or nothing when no option is near.
 * @param {unknown} value
 * @param {readonly string[]} options
 * @returns {string}
 */
export function didYouMean(value, options) {
  if (typeof value !== "string") return "";
  const given = Array.from(value.slice(0, 128)).slice(0, 64).join("").toLowerCase().split("");
  let best = { ratio: 0.5, option: "" };
  for (const option of options) {
    const ratio = (2 * matching(option.split(""), given)) / (option.length + given.length);
    if (ratio > best.ratio || (ratio === best.ratio && option > best.option)) best = { ratio, option };
  }
  return best.option ? ` (did you mean "${best.option}"?)` : "";
}
