/**
 * What each node gets in the runs that this page queued, noted when a run is sent, because the graph may change before the node has run.
 *
 * @import { Prompt } from "./peek.js"
 * @import { ToUrl } from "./start_image.js"
 *
 * @typedef {ReturnType<typeof inputsNow>} Inputs
 * @typedef {{inputs: Map<string, Inputs>, prompt: Prompt, graph: string | undefined}} Run inputs by the node as the server calls it; graph: the
 *   id of the root graph, as another workflow, opened since, may have nodes of the same ids
 *
 * @typedef {object} Api ComfyUI's client
 * @property {(...args: unknown[]) => Promise<{prompt_id: string}>} queuePrompt
 * @property {(name: string, listener: (event: CustomEvent<{prompt_id: string}>) => void) => void} addEventListener
 */

import { live } from "./entries.js";
import { inputsNow } from "./start_image.js";
import { idOf, placesOf } from "./upstream.js";

/** By the run, latest last. @type {Map<string, Run>} */
const queued = new Map();
const MAX_QUEUED = 200;
/** Runs that are being sent. @type {Set<Promise<unknown>>} */
const sending = new Set();
/** The run that the server works on. */
let running = "";

/** @param {Api} api @param {ToUrl} toUrl @param {() => string | undefined} graphId of the root graph of now */
export function followRuns(api, toUrl, graphId) {
  const send = api.queuePrompt;
  Object.assign(api, {
    /** @this {Api} @param {...unknown} args */
    async queuePrompt(...args) {
      const [inputs, graph] = [inputsOfAll(toUrl), graphId()];
      const sent = send.apply(this, args);
      sending.add(sent);
      try {
        const answer = await sent;
        queued.set(answer.prompt_id, { inputs, prompt: Object(args[1]).output ?? {}, graph });
        const [oldest] = queued.keys();
        if (queued.size > MAX_QUEUED) queued.delete(oldest);
        return answer;
      } finally {
        sending.delete(sent);
      }
    },
  });
  api.addEventListener("execution_start", ({ detail }) => {
    running = detail.prompt_id;
  });
}

/**
 * The run that the server works on now, or the one of an id.
 * @param {string} [id]
 * @returns {Promise<Run | undefined>} undefined: this page did not queue it
 */
export async function runOf(id = running) {
  // The server may be done before its answer to the sending of the run is here.
  await Promise.allSettled(sending);
  return queued.get(id);
}

/** @param {ToUrl} toUrl @returns {Map<string, Inputs>} */
function inputsOfAll(toUrl) {
  /** @type {Map<string, Inputs>} */
  const all = new Map();
  for (const place of [...live].flatMap(placesOf)) {
    try {
      all.set(idOf(place), inputsNow(place, toUrl));
    } catch {
      // A node of another pack that cannot be read must not keep the user from running. Its picture stays marked.
    }
  }
  return all;
}
