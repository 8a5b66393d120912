/**
 * Fill holes of a picture smoothly from their surroundings: the same arithmetic as flashmotion_core/trajectory/drawing/soft_fill.py (which has
 * the formulas), held to tests/golden/animatic.json.
 *
 * @typedef {{width: number, height: number, data: Float32Array}} Cells rows of cells with the same number of channels
 */

const SWEEPS = 4;

/**
 * @param {Cells} image any range
 * @param {Float32Array} known 0 (filled) to 1 (kept) of each pixel; where nothing is known, the mean of the picture is taken
 * @returns {Cells}
 */
export function fillSoftly(image, known) {
  if (known.some((share) => share > 0)) return pull(image, known);
  const channels = image.data.length / known.length;
  const means = Array.from({ length: channels }, (_, c) => {
    let sum = 0;
    for (let i = c; i < image.data.length; i += channels) sum += image.data[i];
    return sum / known.length;
  });
  return { ...image, data: image.data.map((_, i) => means[i % channels]) };
}

/** @param {Cells} image @param {Float32Array} known @returns {Cells} */
function pull({ width, height, data }, known) {
  const channels = data.length / known.length;
  if ((width === 1 && height === 1) || known.every((share) => share >= 1)) return { width, height, data };
  const { coarse, share } = push({ width, height, data }, known, channels);
  let filled = twice(pull(coarse, share), width, height, channels);
  for (let sweep = 0; sweep <= SWEEPS; sweep += 1) {
    const around = sweep ? filled : undefined;
    const next = sweep ? new Float32Array(data.length) : filled;
    for (let y = 0; y < height; y += 1) {
      const [up, down] = [y ? -width : 0, y < height - 1 ? width : 0];
      for (let x = 0; x < width; x += 1) {
        const at = y * width + x;
        const [left, right] = [x ? -1 : 0, x < width - 1 ? 1 : 0];
        for (let c = 0; c < channels; c += 1) {
          const i = at * channels + c;
          const open = around
            ? (around[i + up * channels] + around[i + down * channels] + around[i + left * channels] + around[i + right * channels]) / 4
            : filled[i];
          next[i] = data[i] * known[at] + (1 - known[at]) * open;
        }
      }
    }
    filled = next;
  }
  return { width, height, data: filled };
}

/** Means of 2 x 2 cells by how far they are known. @param {Cells} image @param {Float32Array} known @param {number} channels */
function push({ width, height, data }, known, channels) {
  const [w, h] = [(width + 1) >> 1, (height + 1) >> 1];
  const means = new Float32Array(w * h * channels);
  const share = new Float32Array(w * h);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const [from, to] = [y * width + x, (y >> 1) * w + (x >> 1)];
      share[to] += known[from];
      for (let c = 0; c < channels; c += 1) means[to * channels + c] += data[from * channels + c] * known[from];
    }
  }
  for (let i = 0; i < share.length; i += 1) {
    for (let c = 0; c < channels; c += 1) means[i * channels + c] /= share[i] || 1;
    share[i] = Math.min(share[i], 1);
  }
  return { coarse: { width: w, height: h, data: means }, share };
}

/**
 * Twice as high and wide, bilinear, cropped to a size.
 * @param {Cells} cells
 * @param {number} width
 * @param {number} height
 * @param {number} channels
 */
function twice(cells, width, height, channels) {
  const out = new Float32Array(width * height * channels);
  for (let y = 0; y < height; y += 1) {
    const near = (y >> 1) * cells.width;
    const far = Math.min(Math.max((y >> 1) + (y & 1 ? 1 : -1), 0), cells.height - 1) * cells.width;
    for (let x = 0; x < width; x += 1) {
      const column = x >> 1;
      const beside = Math.min(Math.max(column + (x & 1 ? 1 : -1), 0), cells.width - 1);
      for (let c = 0; c < channels; c += 1) {
        /** @param {number} at */
        const cell = (at) => cells.data[at * channels + c];
        out[(y * width + x) * channels + c] =
          (9 * cell(near + column) + 3 * cell(far + column) + 3 * cell(near + beside) + cell(far + beside)) / 16;
      }
    }
  }
  return out;
}
