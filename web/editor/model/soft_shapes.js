/**
 * Soft shapes on the picture's plane, of a box with rounded corners and of a hard mask: the same as
 * flashmotion_core/trajectory/drawing/soft_shapes.py, held to tests/golden/animatic.json. The rules are in cutouts.py beside it.
 *
 * @typedef {readonly [number, number]} Size width and height in pixels
 * @typedef {readonly number[]} Corner x, y, w, h of a box in pixels, x, y the TOP-LEFT corner
 * @typedef {{left: number, top: number, width: number, height: number, alpha: Float32Array}} Shape opacity 0..1, row by row; it may begin
 *   outside the picture
 * @typedef {{left: number, top: number, width: number, height: number, inside: Uint8Array}} HardMask 1 inside, row by row; not empty,
 *   within the picture
 */

/** u u (3 - 2 u), u clipped to 0..1. @param {number} u */
function smooth(u) {
  const v = Math.min(Math.max(u, 0), 1);
  return v * v * (3 - 2 * v);
}

/**
 * S(level - s / soft), s the signed distance to the box with rounded corners.
 * @param {Corner} box
 * @param {Size} size of the picture
 * @param {{soft: number, rounding: number, level: number, beyond: number}} how pixels; beyond: how far it may reach out of the picture
 * @returns {Shape}
 */
export function boxShape([x, y, w, h], size, { soft, rounding, level, beyond }) {
  const reach = level * soft;
  const [left, right] = range(x - reach, x + w + reach, size[0], beyond);
  const [top, bottom] = range(y - reach, y + h + reach, size[1], beyond);
  return draw(left, top, right - left, bottom - top, (column, row) => {
    const across = Math.abs(column - x - w / 2) - w / 2 + rounding;
    const along = Math.abs(row - y - h / 2) - h / 2 + rounding;
    const [out, down] = [Math.max(across, 0), Math.max(along, 0)];
    const distance = Math.sqrt(out * out + down * down) + Math.min(Math.max(across, along), 0) - rounding;
    return smooth(level - distance / soft) * fade(column, row, size, beyond);
  });
}

/**
 * S((b - low) / width), b the mask blurred three times by boxes of 2 radius + 1 pixels.
 * @param {HardMask} mask
 * @param {Size} size of the picture
 * @param {{radius: number, low: number, width: number, beyond: number}} how
 * @returns {Shape}
 */
export function maskShape(mask, size, { radius, low, width, beyond }) {
  const [rim, margin] = [Math.ceil(beyond), 3 * radius];
  const more = rim + margin;
  // What touches the picture's border continues beyond it.
  const before = [mask.left === 0 ? more : 0, mask.top === 0 ? more : 0];
  const after = [mask.left + mask.width === size[0] ? more : 0, mask.top + mask.height === size[1] ? more : 0];
  const [w, h] = [mask.width + before[0] + after[0] + 2 * margin, mask.height + before[1] + after[1] + 2 * margin];
  const grown = new Float64Array(w * h);
  for (let row = margin; row < h - margin; row += 1) {
    const y = Math.min(Math.max(row - margin - before[1], 0), mask.height - 1);
    for (let column = margin; column < w - margin; column += 1) {
      grown[row * w + column] = mask.inside[y * mask.width + Math.min(Math.max(column - margin - before[0], 0), mask.width - 1)];
    }
  }
  for (let pass = 0; pass < 3; pass += 1) {
    for (let column = 0; column < w; column += 1) blur(grown, column, w, h, radius);
    for (let row = 0; row < h; row += 1) blur(grown, row * w, 1, w, radius);
  }
  const [left, top] = [mask.left - before[0] - margin, mask.top - before[1] - margin];
  return draw(left, top, w, h, (column, row) => {
    if (column < -rim || column > size[0] + rim || row < -rim || row > size[1] + rim) return 0;
    const blurred = grown[(row - 0.5 - top) * w + column - 0.5 - left];
    return smooth((blurred - low) / width) * fade(column, row, size, beyond);
  });
}

/**
 * The opacity at a pixel of the plane, 0 where the shape has none.
 * @param {Shape} shape
 * @param {number} column
 * @param {number} row
 */
export function opacityAt(shape, column, row) {
  const [x, y] = [column - shape.left, row - shape.top];
  return x >= 0 && y >= 0 && x < shape.width && y < shape.height ? shape.alpha[y * shape.width + x] : 0;
}

/** Means of 2 radius + 1 values along a line, in place; 0 beyond the ends. @param {Float64Array} values @param {number} first @param {number} step @param {number} count @param {number} radius */
function blur(values, first, step, count, radius) {
  const line = new Float64Array(count);
  let sum = 0;
  for (let i = -radius; i < count; i += 1) {
    if (i + radius < count) sum += values[first + (i + radius) * step];
    if (i >= 0) line[i] = sum / (2 * radius + 1);
    if (i - radius >= 0) sum -= values[first + (i - radius) * step];
  }
  for (let i = 0; i < count; i += 1) values[first + i * step] = line[i];
}

/**
 * @param {number} start
 * @param {number} stop
 * @param {number} side of the picture
 * @param {number} beyond
 * @returns {[number, number]}
 */
function range(start, stop, side, beyond) {
  const rim = Math.ceil(beyond);
  const first = Math.max(Math.floor(start), -rim);
  return [first, Math.max(Math.min(Math.ceil(stop), side + rim), first + 1)];
}

/** S(1 - e / beyond), e the distance outside the picture. @param {number} x @param {number} y @param {Size} size @param {number} beyond */
function fade(x, y, [width, height], beyond) {
  const away = Math.max(-x, x - width, -y, y - height, 0);
  return beyond && away ? smooth(1 - away / beyond) : 1;
}

/**
 * A shape from the opacity at pixels' centres, without the empty rows and columns around.
 * @param {number} left
 * @param {number} top
 * @param {number} width
 * @param {number} height
 * @param {(column: number, row: number) => number} at
 * @returns {Shape}
 */
function draw(left, top, width, height, at) {
  const alpha = new Float32Array(width * height);
  let [x0, y0, x1, y1] = [width, height, 0, 0];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const value = at(left + x + 0.5, top + y + 0.5);
      if (value <= 0) continue;
      alpha[y * width + x] = value;
      [x0, x1, y0, y1] = [Math.min(x0, x), Math.max(x1, x + 1), Math.min(y0, y), y + 1];
    }
  }
  // A speck thinner than its soft border: one pixel, and that transparent.
  if (!y1) return { left, top, width: 1, height: 1, alpha: new Float32Array(1) };
  const kept = new Float32Array((x1 - x0) * (y1 - y0));
  for (let y = y0; y < y1; y += 1) kept.set(alpha.subarray(y * width + x0, y * width + x1), (y - y0) * (x1 - x0));
  return { left: left + x0, top: top + y0, width: x1 - x0, height: y1 - y0, alpha: kept };
}
