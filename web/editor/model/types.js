/**
 * The types of a trajectory document, in memory as in the file. Nothing here exists at run time.
 *
 * A document is immutable: every operation returns a new one and shares the parts that did not change (===), so that
 * the history can keep whole documents and views can compare by identity. Conventions, as in
 * flashmotion_core/trajectory: frames are 0-based; x, y is the CENTRE of a box and w, h its size, all as fractions of
 * the frame, y down.
 *
 * @typedef {"linear" | "hold" | "in" | "out" | "in-out"} EaseName
 * @typedef {readonly [number, number, number, number]} Bezier x1, y1, x2, y2 of a CSS cubic-bezier
 * @typedef {EaseName | Bezier} Ease
 * @typedef {"linear" | "smooth"} Path
 * @typedef {readonly [number, number]} Interval first and last frame, both included
 * @typedef {{readonly x: number, readonly y: number, readonly w: number, readonly h: number}} Box
 * @typedef {Box & {readonly frame: number, readonly ease: Ease}} Keyframe `ease` shapes the segment that starts here
 *
 * @typedef {{readonly columns: number, readonly rows: number, readonly runs: readonly number[]}} FirstShape what an object fills of its box in
 *   frame 0: see first_shape.js
 *
 * @typedef {object} TrackedObject
 * @property {string} id unique in the document
 * @property {string} label shown in the editor
 * @property {string} [color] "#rrggbb", the editor's colour only
 * @property {Path} path how the centre travels
 * @property {readonly Interval[]} hidden sorted, disjoint, not adjacent
 * @property {FirstShape} [shape] left out: all of its box
 * @property {readonly Keyframe[]} keyframes 1 to 512, frames strictly increasing
 *
 * @typedef {Readonly<TrackedObject>} DocumentObject
 *
 * @typedef {object} TrajectoryDocument
 * @property {2} version of what is in memory; the text says the oldest that can hold it
 * @property {readonly [number, number]} size width and height in pixels
 * @property {number} frames length of the clip
 * @property {number} fps frames per second
 * @property {readonly DocumentObject[]} objects in drawing order
 *
 * @typedef {Readonly<TrajectoryDocument>} Document
 *
 * @typedef {{readonly id: string, readonly frame: number}} KeyRef a keyframe, named by its object and frame
 *
 * @typedef {object} Sampled
 * @property {readonly [number, number]} size width and height in pixels
 * @property {number} frames length of the clip
 * @property {readonly Float64Array[]} boxes per object, x, y, w, h of each frame in PIXELS, x, y the TOP-LEFT corner
 * @property {readonly Uint8Array[]} visible per object, 1 or 0 for each frame
 * @property {readonly (FirstShape | undefined)[]} [shapes] per object, on frame 0
 */

export {};
