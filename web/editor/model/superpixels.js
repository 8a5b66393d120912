/**
 * Small pieces of one colour in a picture, and how much neighbours differ: what regions are grown from. The pieces are those of
 * Felzenszwalb and Huttenlocher, "Efficient graph-based image segmentation", 2004.
 *
 * @typedef {{readonly width: number, readonly height: number, readonly data: ArrayLike<number>}} Pixels RGBA, row by row
 *
 * @typedef {object} Pieces
 * @property {number} width of the picture
 * @property {number} height
 * @property {Int32Array} of the piece of each pixel, 0 to count - 1
 * @property {number} count
 * @property {Float32Array} colors of each pixel, Lab
 */

/** Differences are of Lab, in which 2.3 can just be seen; finer than this they count as the same. */
const STEPS_PER_UNIT = 8;
const MOST_DIFFERENT = 150;
/** How much a piece may differ within, for its size: FH's k. */
const LOOSENESS = 60;
/** Pixels; smaller ones join a neighbour. */
const LEAST = 8;

/** Linear light of a byte. */
const LINEAR = Float32Array.from({ length: 256 }, (_, byte) => {
  const v = byte / 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
});

/**
 * The picture in Lab, lightly smoothed against noise.
 * @param {Pixels} pixels
 * @returns {Float32Array} three numbers for each pixel
 */
function labOf({ width, height, data }) {
  const lab = new Float32Array(width * height * 3);
  for (let i = 0; i < width * height; i += 1) {
    const [r, g, b] = [LINEAR[data[i * 4]], LINEAR[data[i * 4 + 1]], LINEAR[data[i * 4 + 2]]];
    const x = root((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505);
    const y = root(0.2126 * r + 0.7152 * g + 0.0722 * b);
    const z = root((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
    lab[i * 3] = 116 * y - 16;
    lab[i * 3 + 1] = 500 * (x - y);
    lab[i * 3 + 2] = 200 * (y - z);
  }
  return smoothed(smoothed(lab, width, 3), width, width * 3);
}

/**
 * @param {Pixels} pixels
 * @returns {Generator<undefined, Pieces>}
 */
export function* piecesOf(pixels) {
  const { width, height } = pixels;
  const colors = labOf(pixels);
  yield;
  const [firsts, seconds, weights] = sortedEdges(colors, width, height);
  yield;
  const sets = disjointSets(width * height);
  const loose = new Float32Array(width * height).fill(LOOSENESS);
  for (let e = 0; e < firsts.length; e += 1) {
    const [a, b] = [sets.find(firsts[e]), sets.find(seconds[e])];
    if (a === b || weights[e] > loose[a] || weights[e] > loose[b]) continue;
    const joined = sets.join(a, b);
    loose[joined] = weights[e] + LOOSENESS / sets.size[joined];
  }
  yield;
  for (let e = 0; e < firsts.length; e += 1) {
    const [a, b] = [sets.find(firsts[e]), sets.find(seconds[e])];
    if (a !== b && Math.min(sets.size[a], sets.size[b]) < LEAST) sets.join(a, b);
  }
  const of = new Int32Array(width * height);
  const names = new Int32Array(width * height).fill(-1);
  let count = 0;
  for (let i = 0; i < of.length; i += 1) {
    const found = sets.find(i);
    if (names[found] < 0) {
      names[found] = count;
      count += 1;
    }
    of[i] = names[found];
  }
  return { width, height, of, count, colors };
}

/**
 * How much two pixels differ.
 * @param {ArrayLike<number>} colors Lab
 * @param {number} i
 * @param {number} j
 */
export function difference(colors, i, j) {
  const l = colors[i * 3] - colors[j * 3];
  const a = colors[i * 3 + 1] - colors[j * 3 + 1];
  const b = colors[i * 3 + 2] - colors[j * 3 + 2];
  // Math.hypot is many times slower.
  return Math.sqrt(l * l + a * a + b * b);
}

/** Pairs of neighbours, those that differ least first. @param {Float32Array} colors @param {number} width @param {number} height @returns {[Int32Array, Int32Array, Float32Array]} */
function sortedEdges(colors, width, height) {
  const count = 2 * width * height - width - height;
  const [ones, others, steps] = [new Int32Array(count), new Int32Array(count), new Uint16Array(count)];
  const begins = new Int32Array(MOST_DIFFERENT * STEPS_PER_UNIT + 2);
  let e = 0;
  /** @param {number} i @param {number} j */
  const put = (i, j) => {
    const step = Math.min(Math.round(difference(colors, i, j) * STEPS_PER_UNIT), MOST_DIFFERENT * STEPS_PER_UNIT);
    [ones[e], others[e], steps[e]] = [i, j, step];
    begins[step + 1] += 1;
    e += 1;
  };
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const i = y * width + x;
      if (x + 1 < width) put(i, i + 1);
      if (y + 1 < height) put(i, i + width);
    }
  }
  for (let s = 1; s < begins.length; s += 1) begins[s] += begins[s - 1];
  const [firsts, seconds, weights] = [new Int32Array(count), new Int32Array(count), new Float32Array(count)];
  for (let k = 0; k < count; k += 1) {
    const at = begins[steps[k]];
    begins[steps[k]] += 1;
    [firsts[at], seconds[at], weights[at]] = [ones[k], others[k], steps[k] / STEPS_PER_UNIT];
  }
  return [firsts, seconds, weights];
}

/** @param {number} count @returns {{size: Int32Array, find: (i: number) => number, join: (a: number, b: number) => number}} */
function disjointSets(count) {
  const above = Int32Array.from({ length: count }, (_, i) => i);
  const size = new Int32Array(count).fill(1);
  return {
    size,
    find(i) {
      let at = i;
      while (above[at] !== at) {
        above[at] = above[above[at]];
        at = above[at];
      }
      return at;
    },
    join(a, b) {
      const [large, small] = size[a] >= size[b] ? [a, b] : [b, a];
      above[small] = large;
      size[large] += size[small];
      return large;
    },
  };
}

/** A quarter, a half, a quarter of neighbours along a line of each channel. @param {Float32Array} lab @param {number} width @param {number} step 3, or 3 * width */
function smoothed(lab, width, step) {
  const out = new Float32Array(lab.length);
  const end = step === 3 ? 3 * width : lab.length;
  for (let i = 0; i < lab.length; i += 1) {
    const along = step === 3 ? i % (3 * width) : i;
    out[i] = (lab[along >= step ? i - step : i] + 2 * lab[i] + lab[along < end - step ? i + step : i]) / 4;
  }
  return out;
}

/** @param {number} t */
function root(t) {
  return t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116;
}
