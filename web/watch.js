/**
 * Follows the runs of this page: the sampler's pictures while it works on a node's trajectory, and the clip at the end.
 *
 * @import { Entry } from "./entries.js"
 * @import { Executed } from "./node_pictures.js"
 * @import { Prompt } from "./peek.js"
 * @import { ToUrl } from "./start_image.js"
 *
 * @typedef {{blob: Blob, nodeId?: unknown, displayNodeId?: unknown}} Preview
 * @typedef {{node: unknown, prompt_id: string, value: number, max: number}} Progress
 *
 * @typedef {object} Api ComfyUI's client
 * @property {(name: string, listener: (event: CustomEvent) => void) => void} addEventListener
 * @property {(run: string) => Promise<void>} interrupt
 */

import { resultKey } from "./entries.js";
import { entriesIn } from "./node_pictures.js";
import { clipOf, downstreamOf, samplersOf } from "./results.js";
import { runOf } from "./runs.js";

/** Whose trajectory a sampler of the run works with. @typedef {{entry: Entry, id: string, samplers: Set<string>}} Watched */

/** @type {WeakMap<Prompt, Watched[]>} */
const watchedIn = new WeakMap();

/**
 * @param {Api} api
 * @param {ToUrl} toUrl
 * @param {(entry: Entry) => void} show the results of an entry
 * @param {() => string | undefined} graphId of the root graph of now
 * @returns {{cancel: () => void}} end the run under way
 */
export function watchRuns(api, toUrl, show, graphId) {
  let running = "";
  /** What was last heard of the sampler at work. @type {{step: number, steps: number, picture?: Blob}} */
  let now = { step: 0, steps: 0 };
  /** @type {Set<Entry>} */
  const sampled = new Set();

  /** @param {unknown} node @param {Partial<typeof now>} heard */
  async function hear(node, heard) {
    const id = running;
    const run = await runOf(id);
    if (!run || id !== running) return;
    const concerned = watched(run.prompt).filter(({ samplers }) => samplers.has(String(node)));
    if (!concerned.length) return;
    now = { ...now, ...heard };
    for (const { entry } of concerned) {
      sampled.add(entry);
      entry.editor.setLive(run.graph === graphId() ? now : undefined);
    }
  }

  /** @param {Executed} executed */
  async function finish({ node, prompt_id: id, output }) {
    const run = await runOf(id);
    const clip = run && clipOf(output, toUrl);
    if (!run || !clip) return;
    for (const { entry, id: place, samplers } of watched(run.prompt)) {
      if (!downstreamOf(run.prompt, [...samplers]).has(String(node))) continue;
      const key = resultKey(run.graph, place);
      const before = entry.results.get(key);
      // Of several in one run the one that shows most.
      if (before?.run === id && before && before.rank > clip.rank) continue;
      const text = String(run.prompt[place].inputs.trajectory);
      const { rank, ...shown } = clip;
      entry.results.set(key, { clip: shown, rank, run: id ?? "", text, length: entry.measures?.frames ?? entry.editor.clip().frames });
      show(entry);
    }
  }

  function end() {
    running = "";
    for (const entry of sampled) entry.editor.setLive(undefined);
    sampled.clear();
  }

  api.addEventListener("execution_start", ({ detail }) => {
    end();
    running = detail.prompt_id;
    now = { step: 0, steps: 0 };
  });
  for (const name of ["execution_success", "execution_error", "execution_interrupted"]) api.addEventListener(name, end);
  api.addEventListener("progress", ({ detail }) => {
    const { node, value, max } = /** @type {Progress} */ (detail);
    void hear(node, { step: value, steps: max });
  });
  api.addEventListener("b_preview_with_metadata", ({ detail }) => {
    const { blob, nodeId, displayNodeId } = /** @type {Preview} */ (detail);
    void hear(displayNodeId ?? nodeId, { picture: blob });
  });
  api.addEventListener("executed", ({ detail }) => void finish(detail));
  return {
    cancel() {
      if (running) void api.interrupt(running);
    },
  };
}

/** @param {Prompt} prompt @returns {Watched[]} */
function watched(prompt) {
  const known = watchedIn.get(prompt);
  if (known) return known;
  const found = entriesIn(prompt).map(({ entry, id }) => ({ entry, id, samplers: samplersOf(prompt, id) })).filter(({ samplers }) => samplers.size);
  watchedIn.set(prompt, found);
  return found;
}
