/**
 * What the unit tests share.
 *
 * @import { Document } from "../../../web/editor/model/types.js"
 */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { inflateSync } from "node:zlib";

import { parse } from "../../../web/editor/model/document.js";
import { fromCells } from "../../../web/editor/model/first_shape.js";

const GOLDEN = new URL("../../golden/", import.meta.url);

/** @param {string} name @returns {any} */
export function golden(name) {
  return JSON.parse(readFileSync(new URL(name, GOLDEN), "utf-8"));
}

/** The shape of cells, rows of # inside. @param {readonly string[]} rows */
export function shapeOf(rows) {
  const inside = Uint8Array.from(rows.join(""), (cell) => Number(cell === "#"));
  return fromCells({ columns: rows[0].length, rows: rows.length, inside });
}

/** A text or value that must be a document. @param {unknown} source @returns {Document} */
export function read(source) {
  const { document, problem } = parse(source);
  assert.equal(problem, undefined);
  assert.ok(document);
  return document;
}

/**
 * A document of 41 frames, 1000 x 500 pixels: "walk" is linear with an ease of every kind, "curve" is smooth, "rock"
 * rests.
 * @returns {Document}
 */
export function example() {
  /** @param {number} frame @param {number} x @param {number} y @param {unknown} [ease] */
  const key = (frame, x, y, ease = "linear") => ({ frame, x, y, w: 0.1 + frame / 400, h: 0.2, ease });
  return read({
    version: 1,
    size: [1000, 500],
    frames: 41,
    objects: [
      {
        id: "walk",
        label: "dog",
        color: "#ff4040",
        hidden: [
          [3, 5],
          [20, 24],
        ],
        keyframes: [
          key(2, 0.1, 0.2, "in"),
          key(8, 0.3, 0.4, "hold"),
          key(14, 0.5, 0.4, "out"),
          key(20, 0.6, 0.7, "in-out"),
          key(28, 0.2, 0.8, [0.2, 0.1, 0.7, 1.2]),
          key(36, 0.5, 0.5),
        ],
      },
      {
        id: "curve",
        label: "cat",
        path: "smooth",
        keyframes: [key(0, 0.1, 0.8), key(15, 0.5, 0.1, "in"), key(40, 0.9, 0.7)],
      },
      { id: "rock", label: "rock", keyframes: [key(10, 0.5, 0.5)] },
    ],
  });
}

/** An object of a document. @param {Document} document @param {string} id */
export function object(document, id) {
  const found = document.objects.find((candidate) => candidate.id === id);
  assert.ok(found, `no object ${id}`);
  return found;
}

/** The frames of an object's keyframes. @param {Document} document @param {string} id */
export function framesOf(document, id) {
  return object(document, id).keyframes.map(({ frame }) => frame);
}

/**
 * @param {readonly number[] | Float64Array} found
 * @param {readonly number[] | Float64Array} expected
 * @param {number} tolerance
 */
export function assertNear(found, expected, tolerance) {
  assert.equal(found.length, expected.length);
  for (let i = 0; i < found.length; i += 1) {
    assert.ok(Math.abs(found[i] - expected[i]) <= tolerance, `[${i}] is ${found[i]}, expected ${expected[i]}`);
  }
}

/**
 * The rows of an RGB picture with 8 bits a channel; the golden pictures are such PNG files.
 * @param {string} name
 * @returns {{width: number, height: number, pixels: Uint8Array}}
 */
export function readPng(name) {
  const file = readFileSync(new URL(name, GOLDEN));
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  assert.deepEqual([...file.subarray(24, 29)], [8, 2, 0, 0, 0], "8 bits, RGB, not interlaced");
  const parts = [];
  for (let at = 8; at < file.length; at += 12 + file.readUInt32BE(at)) {
    if (file.toString("latin1", at + 4, at + 8) === "IDAT") {
      parts.push(file.subarray(at + 8, at + 8 + file.readUInt32BE(at)));
    }
  }
  const raw = inflateSync(Buffer.concat(parts));
  const stride = width * 3;
  const pixels = new Uint8Array(stride * height);
  for (let y = 0; y < height; y += 1) {
    const filter = raw[y * (stride + 1)];
    for (let i = 0; i < stride; i += 1) {
      const left = i >= 3 ? pixels[y * stride + i - 3] : 0;
      const up = y > 0 ? pixels[(y - 1) * stride + i] : 0;
      const corner = i >= 3 && y > 0 ? pixels[(y - 1) * stride + i - 3] : 0;
      const guess = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter];
      pixels[y * stride + i] = raw[y * (stride + 1) + 1 + i] + guess;
    }
  }
  return { width, height, pixels };
}

/** @param {number} left @param {number} up @param {number} corner */
function paeth(left, up, corner) {
  const guess = left + up - corner;
  const [a, b, c] = [left, up, corner].map((value) => Math.abs(guess - value));
  if (a <= b && a <= c) return left;
  return b <= c ? up : corner;
}

/**
 * Numbers from 0 to 1 that are the same in every run (mulberry32).
 * @param {number} seed a whole number
 * @returns {() => number}
 */
export function randomOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
