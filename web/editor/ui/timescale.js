/**
 * Frames <-> pixels of the timeline. Pure. A `Span` is the stretch of time in view, in frames, fractions allowed.
 *
 * @typedef {{readonly first: number, readonly last: number}} Span
 */

/** Room beside the first and the last frame, so that their keyframes can be grabbed; CSS pixels. */
export const SIDE = 12;
const SHORTEST_SPAN = 4;

/**
 * @param {number} frames length of the clip
 * @returns {Span}
 */
export function wholeSpan(frames) {
  return { first: 0, last: Math.max(frames - 1, 1) };
}

/**
 * @param {Span} span
 * @param {number} width of the timeline, CSS pixels
 * @returns {number} CSS pixels
 */
export function pixelsPerFrame({ first, last }, width) {
  return Math.max(width - 2 * SIDE, 1) / (last - first);
}

/**
 * @param {Span} span
 * @param {number} width
 * @param {number} frame
 * @returns {number} CSS pixels
 */
export function xOfFrame(span, width, frame) {
  return SIDE + (frame - span.first) * pixelsPerFrame(span, width);
}

/**
 * The frame nearest to a place; not kept in the clip.
 * @param {Span} span
 * @param {number} width
 * @param {number} x CSS pixels
 * @returns {number}
 */
export function frameAtX(span, width, x) {
  return Math.round(span.first + (x - SIDE) / pixelsPerFrame(span, width));
}

/**
 * The span enlarged or shrunk about a frame, which stays where it is.
 * @param {Span} span
 * @param {number} factor above 1 shows less time
 * @param {number} at frame
 * @param {number} frames length of the clip
 * @returns {Span}
 */
export function zoomSpan(span, factor, at, frames) {
  const all = wholeSpan(frames);
  const length = Math.min(Math.max((span.last - span.first) / factor, SHORTEST_SPAN), all.last);
  const share = (at - span.first) / (span.last - span.first);
  return slideSpan({ first: at - share * length, last: at + (1 - share) * length }, 0, frames);
}

/**
 * The span moved in time, kept in the clip.
 * @param {Span} span
 * @param {number} by frames
 * @param {number} frames length of the clip
 * @returns {Span}
 */
export function slideSpan(span, by, frames) {
  const length = Math.min(span.last - span.first, wholeSpan(frames).last);
  const first = Math.min(Math.max(span.first + by, 0), wholeSpan(frames).last - length);
  return { first, last: first + length };
}

/**
 * Frames to write on the ruler: round steps, at least `apart` pixels from one to the next.
 * @param {Span} span
 * @param {number} width
 * @param {number} [apart] CSS pixels
 * @returns {{frames: number[], step: number}}
 */
export function ticks(span, width, apart = 44) {
  const perFrame = pixelsPerFrame(span, width);
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500].find((n) => n * perFrame >= apart) ?? 1000;
  const frames = [];
  for (let f = Math.ceil(span.first / step) * step; f <= span.last; f += step) frames.push(f);
  return { frames, step };
}
