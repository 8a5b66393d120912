import assert from "node:assert/strict";
import { test } from "node:test";

import { clipOf, downstreamOf, samplersOf } from "../../../web/results.js";

const toUrl = (/** @type {string} */ path) => `http://here${path}`;
const file = (/** @type {string} */ filename, more = {}) => ({ filename, subfolder: "", type: "output", ...more });
/** @param {string} type @param {Record<string, unknown>} inputs */
const node = (type, inputs) => ({ class_type: type, inputs });

const PROMPT = {
  2: node("DrawTrajectory", { trajectory: "{}" }),
  3: node("PreviewImage", { images: ["2", 1] }),
  4: node("ApplyFastAdapter", { trajectory: ["2", 0] }),
  5: node("KSamplerSelect", { name: "lcm" }),
  "10:6": node("FewStepSampler", { model: ["4", 0] }),
  7: node("VAEDecode", { samples: ["10:6", 0] }),
  8: node("SaveVideo", { video: ["7", 0] }),
  9: node("ModelSamplingSD3", { model: ["4", 0] }),
  11: node("KSampler", { seed: 1 }),
};

test("the result comes from samplers that get the trajectory, not from its own preview", () => {
  assert.deepEqual([...samplersOf(PROMPT, "2")], ["10:6"]);
  assert.deepEqual([...downstreamOf(PROMPT, ["10:6"])].sort(), ["7", "8"]);
  assert.equal(downstreamOf(PROMPT, ["2"], 1).has("3"), false);
  assert.equal(downstreamOf(PROMPT, ["2"]).has("3"), true);
  assert.deepEqual([...samplersOf(PROMPT, "11")], []);
});

test("nodes that use one another end the search", () => {
  const round = { 1: node("KSampler", { a: ["2", 0] }), 2: node("KSampler", { a: ["1", 0] }) };
  assert.deepEqual([...downstreamOf(round, ["1"])], ["2"]);
});

test("what nodes save and show is told apart by its kind", () => {
  const kinds = [
    [{ images: [file("a.mp4")], animated: [true] }, "video", 1],
    [{ gifs: [file("a.mp4", { format: "video/h264-mp4" })] }, "video", 1],
    [{ gifs: [file("a.gif", { format: "image/gif" })] }, "animation", 1],
    [{ images: [file("a.webp")], animated: [true] }, "animation", 1],
    [{ images: [file("a.png"), file("b.png")], animated: [false] }, "image", 2],
    [{ images: [file("a.png")] }, undefined, 0],
    [{ images: "a.png" }, undefined, 0],
    [{ images: [null, { filename: 3 }] }, undefined, 0],
    [undefined, undefined, 0],
  ];
  for (const [output, kind, count] of kinds) {
    const clip = clipOf(output, toUrl);
    assert.deepEqual([clip?.kind, clip?.urls.length ?? 0], [kind, count]);
  }
  const [url] = clipOf({ images: [file("a b.mp4", { subfolder: "x&y", type: "temp" })] }, toUrl)?.urls ?? [];
  assert.equal(url, "http://here/view?filename=a+b.mp4&subfolder=x%26y&type=temp");
});
