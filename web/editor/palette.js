/** The control map's palette, and the editor's default colours, which follow it. */

/** supervision.ColorPalette.DEFAULT in its order, as in flashmotion_core/trajectory/control_map.py: 0xRRGGBB. */
export const PALETTE = [
  0xa351fb, 0xff4040, 0xffa1a0, 0xff7633, 0xffb633, 0xd1d435, 0x4cfb12, 0x94cf1a, 0x40de8a, 0x1b9640, 0x00d6c1,
  0x2e9caa, 0x00c4ff, 0x364797, 0x6675ff, 0x0019ef, 0x863aff, 0x530087, 0xcd3aff, 0xff97ca, 0xff39c9,
];

/**
 * The palette's colour of the object at place `k` (0-based), at full intensity: "#rrggbb".
 * @param {number} k
 * @returns {string}
 */
export function paletteColor(k) {
  return `#${PALETTE[(k + 1) % PALETTE.length].toString(16).padStart(6, "0")}`;
}

/**
 * The colour for a new object: the control map's for its place, or the next one that no object has while one is left.
 * @param {readonly {readonly color?: string}[]} objects those already there
 * @returns {string}
 */
export function newColor(objects) {
  const taken = new Set(objects.map(({ color }) => color));
  for (let step = 0; step < PALETTE.length; step += 1) {
    const color = paletteColor(objects.length + step);
    if (!taken.has(color)) return color;
  }
  return paletteColor(objects.length);
}
