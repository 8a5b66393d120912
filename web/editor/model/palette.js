/** The control map's palette, and the colours the editor uses to tell objects apart. */

/** supervision.ColorPalette.DEFAULT in its order, as in flashmotion_core/trajectory/drawing/control_map.py: 0xRRGGBB. */
export const PALETTE = [
  0xa351fb, 0xff4040, 0xffa1a0, 0xff7633, 0xffb633, 0xd1d435, 0x4cfb12, 0x94cf1a, 0x40de8a, 0x1b9640, 0x00d6c1,
  0x2e9caa, 0x00c4ff, 0x364797, 0x6675ff, 0x0019ef, 0x863aff, 0x530087, 0xcd3aff, 0xff97ca, 0xff39c9,
];

/** Neighbours in this order differ at a glance, even on photographs and for most forms of colour blindness. */
export const COLORS = [
  "#ff4d4d", "#3d9bff", "#ffc42e", "#2fd27d", "#b57bff", "#ff8a3c", "#22d0dc", "#ff6fc3", "#a6dd3a", "#7f8cff", "#e8b48c",
  "#12b5a0", "#f2f2f2", "#d96a52", "#8fc7ff", "#d8a8ff", "#8f9c2f", "#c9507f",
];

/**
 * The editor's colour of an object that has none of its own, at place `k` (0-based): "#rrggbb".
 * @param {number} k
 * @returns {string}
 */
export function paletteColor(k) {
  return COLORS[k % COLORS.length];
}

/**
 * The colour for a new object: that of its place, or the next one that no object has while one is left.
 * @param {readonly {readonly color?: string}[]} objects those already there
 * @returns {string}
 */
export function newColor(objects) {
  const taken = new Set(objects.map(({ color }) => color));
  for (let step = 0; step < COLORS.length; step += 1) {
    const color = paletteColor(objects.length + step);
    if (!taken.has(color)) return color;
  }
  return paletteColor(objects.length);
}
