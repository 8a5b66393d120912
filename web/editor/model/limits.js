/** The limits of a trajectory document; the same as in flashmotion_core/trajectory/model.py. */

export const VERSION = 2;
export const MAX_OBJECTS = 64;
/** Also the most hidden intervals of an object. */
export const MAX_KEYFRAMES = 512;
/** Cells of a shape, across or down, and its run lengths. */
export const MAX_SHAPE_SIDE = 512;
export const MAX_RUNS = 4096;
export const MAX_FRAMES = 1025;
export const MIN_SIDE = 32;
export const MAX_SIDE = 4096;
/** A clip that is generated has sides of such a multiple, and LENGTH_STEP * k + 1 frames. */
export const SIDE_MULTIPLE = 32;
export const LENGTH_STEP = 4;
export const MIN_CENTRE = -4;
export const MAX_CENTRE = 5;
/** Above 0, so that sizes can be divisors. Overshooting eases stop here too. */
export const MIN_EXTENT = 1e-6;
export const MAX_EXTENT = 4;
export const MAX_FPS = 240;
export const DEFAULT_FPS = 24;
export const MAX_ID = 64;
export const MAX_LABEL = 120;
/** Characters of a document's text; above the longest text that `stringify` can write. */
export const MAX_TEXT = 10_000_000;

/** @type {readonly import("./types.js").EaseName[]} */
export const EASE_NAMES = ["linear", "hold", "in", "out", "in-out"];
/** @type {readonly import("./types.js").Path[]} */
export const PATHS = ["linear", "smooth"];
