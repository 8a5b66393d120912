/** Random documents, for property tests. */

import fc from "fast-check";

import { fromCells } from "../../../web/editor/model/first_shape.js";
import { read } from "./helpers.js";

/** @param {number} min @param {number} max */
const real = (min, max) => fc.double({ min, max, noNaN: true });
const ease = fc.oneof(
  fc.constantFrom("linear", "hold", "in", "out", "in-out"),
  fc.tuple(real(0, 1), real(-2, 3), real(0, 1), real(-2, 3)),
);
const box = fc.record({ x: real(-4, 5), y: real(-4, 5), w: real(1e-6, 4), h: real(1e-6, 4) });

/** Cells with at least one inside. */
const shape = fc
  .tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 9 }))
  .chain(([columns, rows]) => fc.array(fc.integer({ min: 0, max: 1 }), { minLength: columns * rows, maxLength: columns * rows })
    .filter((cells) => cells.includes(1))
    .map((cells) => fromCells({ columns, rows, inside: Uint8Array.from(cells) })));

/**
 * Valid documents of up to 40 frames and 4 objects, whose boxes may be anywhere that a document allows.
 * @type {fc.Arbitrary<import("../../../web/editor/model/types.js").Document>}
 */
export const documents = fc.integer({ min: 1, max: 40 }).chain((frames) => {
  const frame = fc.integer({ min: 0, max: frames - 1 });
  const keyframes = fc
    .uniqueArray(frame, { minLength: 1, maxLength: 6 })
    .chain((found) =>
      fc.tuple(...found.sort((a, b) => a - b).map((f) => fc.record({ frame: fc.constant(f), box, ease }))),
    );
  return fc
    .record({
      size: fc.tuple(fc.integer({ min: 32, max: 4096 }), fc.integer({ min: 32, max: 4096 })),
      fps: real(0.001, 240),
      objects: fc.array(
        fc.record({
          label: fc.string({ unit: "grapheme", maxLength: 20 }),
          path: fc.constantFrom("linear", "smooth"),
          hidden: fc.array(
            fc.tuple(frame, frame).map((ends) => ends.sort((a, b) => a - b)),
            { maxLength: 3 },
          ),
          shape: fc.option(shape, { nil: undefined, freq: 2 }),
          keyframes: keyframes.map((keys) => keys.map((key) => ({ frame: key.frame, ...key.box, ease: key.ease }))),
        }),
        { maxLength: 4 },
      ),
    })
    .map(({ size, fps, objects }) =>
      read({
        version: 2, size, frames, fps,
        objects: objects.map(({ shape: found, ...object }, n) => ({ id: `o${n + 1}`, ...object, ...(found ? { shape: found } : {}) })),
      }),
    );
});
