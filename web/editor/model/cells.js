/**
 * Calculations with masks of cells, 1 inside, row by row.
 *
 * @typedef {{readonly width: number, readonly height: number, readonly inside: Uint8Array}} Mask
 */

/**
 * The rectangle around what is inside.
 * @param {Mask} mask
 * @returns {{left: number, top: number, right: number, bottom: number} | undefined} right and bottom not included; undefined: empty
 */
export function boundsOf({ width, height, inside }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (inside[y * width + x]) [left, right, top, bottom] = [Math.min(left, x), Math.max(right, x + 1), Math.min(top, y), y + 1];
    }
  }
  return bottom ? { left, top, right, bottom } : undefined;
}

/**
 * A part of a mask; 0 beyond it.
 * @param {Mask} mask
 * @param {{left: number, top: number, right: number, bottom: number}} bounds
 * @returns {Mask}
 */
export function cutMask({ width, height, inside }, { left, top, right, bottom }) {
  const [w, h] = [right - left, bottom - top];
  const out = new Uint8Array(w * h);
  for (let y = Math.max(top, 0); y < Math.min(bottom, height); y += 1) {
    for (let x = Math.max(left, 0); x < Math.min(right, width); x += 1) out[(y - top) * w + x - left] = inside[y * width + x];
  }
  return { width: w, height: h, inside: out };
}

/**
 * What hangs together with a cell, with the holes in it that are smaller than `hole` cells.
 * @param {Mask} mask
 * @param {number} from the cell; if it is outside, the largest part is taken
 * @param {number} hole
 * @returns {Mask}
 */
export function wholePart({ width, height, inside }, from, hole) {
  const parts = partsOf(width, inside);
  let wanted = inside[from] ? parts.of[from] : -1;
  if (wanted < 0) parts.size.forEach((size, n) => (inside[parts.first[n]] && (wanted < 0 || size > parts.size[wanted]) ? (wanted = n) : 0));
  const kept = inside.map((_, i) => Number(parts.of[i] === wanted));
  const around = partsOf(width, kept);
  const isHole = around.size.map((size, n) => !kept[around.first[n]] && size < hole && !around.atBorder[n]);
  return { width, height, inside: kept.map((value, i) => (value || isHole[around.of[i]] ? 1 : 0)) };
}

/**
 * Each cell as most of the nine around it: frayed edges become even.
 * @param {Mask} mask
 * @returns {Mask}
 */
export function evened({ width, height, inside }) {
  const out = new Uint8Array(inside.length);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      let sum = 0;
      for (let j = -1; j <= 1; j += 1) {
        const row = Math.min(Math.max(y + j, 0), height - 1) * width;
        for (let i = -1; i <= 1; i += 1) sum += inside[row + Math.min(Math.max(x + i, 0), width - 1)];
      }
      out[y * width + x] = Number(sum > 4);
    }
  }
  return { width, height, inside: out };
}

/**
 * The same mask on another grid, to the nearest cell.
 * @param {Mask} mask
 * @param {number} width
 * @param {number} height
 * @returns {Mask}
 */
export function regridded(mask, width, height) {
  if (width === mask.width && height === mask.height) return mask;
  const inside = new Uint8Array(width * height);
  for (let y = 0; y < height; y += 1) {
    const row = Math.floor(((y + 0.5) * mask.height) / height) * mask.width;
    for (let x = 0; x < width; x += 1) inside[y * width + x] = mask.inside[row + Math.floor(((x + 0.5) * mask.width) / width)];
  }
  return { width, height, inside };
}

/** Parts of equal cells that hang together by their sides. @param {number} width @param {Uint8Array} values */
function partsOf(width, values) {
  const of = new Int32Array(values.length).fill(-1);
  /** @type {number[]} */
  const size = [];
  /** @type {number[]} */
  const first = [];
  /** @type {boolean[]} */
  const atBorder = [];
  const stack = new Int32Array(values.length);
  for (let i = 0; i < values.length; i += 1) {
    if (of[i] >= 0) continue;
    const n = size.length;
    [size[n], first[n], atBorder[n], of[i], stack[0]] = [0, i, false, n, i];
    for (let depth = 1; depth > 0; ) {
      depth -= 1;
      const at = stack[depth];
      const x = at % width;
      size[n] += 1;
      if (x === 0 || x === width - 1 || at < width || at >= values.length - width) atBorder[n] = true;
      for (const next of [x > 0 ? at - 1 : -1, x < width - 1 ? at + 1 : -1, at - width, at + width]) {
        if (next < 0 || next >= values.length || of[next] >= 0 || values[next] !== values[at]) continue;
        of[next] = n;
        stack[depth] = next;
        depth += 1;
      }
    }
  }
  return { of, size, first, atBorder };
}
