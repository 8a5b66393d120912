/**
 * Errors of a run that belong to one of our nodes: what the server refused before the run, and what stopped in it. Does not know the app.
 *
 * @import { RunProblem } from "./editor/panels/run_words.js"
 *
 * @typedef {{errors?: {message?: string, details?: string, extra_info?: {input_name?: string}}[]}} NodeError
 * @typedef {{node_id?: unknown, exception_message?: string, prompt_id?: string}} Failure
 * @typedef {object} Api ComfyUI's client
 * @property {(...args: unknown[]) => Promise<{node_errors?: unknown}>} queuePrompt
 * @property {(name: string, listener: (event: CustomEvent<Failure>) => void) => void} addEventListener
 */

import { entries, live } from "./entries.js";
import { runOf } from "./runs.js";
import { idOf, placesOf } from "./upstream.js";

/** The editor of each node shows its own. @param {Api} api @param {() => string | undefined} graphId of the root graph of now */
export function followErrors(api, graphId) {
  const send = api.queuePrompt;
  Object.assign(api, {
    /** @this {Api} @param {...unknown} args */
    async queuePrompt(...args) {
      try {
        const answer = await send.apply(this, args);
        refused(answer?.node_errors);
        return answer;
      } catch (error) {
        // The page's own error holds the server's answer.
        const { response } = /** @type {{response?: {node_errors?: unknown}}} */ (Object(error));
        refused(response?.node_errors);
        throw error;
      }
    },
  });
  api.addEventListener("execution_error", async ({ detail }) => {
    const run = await runOf(detail?.prompt_id);
    // Another workflow's node may have this id.
    if (detail?.exception_message && (!run || run.graph === graphId())) tell(String(detail.node_id), { message: detail.exception_message });
  });
  api.addEventListener("execution_success", () => live.forEach((node) => entries.get(node)?.editor.setRunProblem(undefined)));
}

/** @param {string} id of a node in a run @param {RunProblem} problem */
function tell(id, problem) {
  for (const node of live) {
    if (placesOf(node).some((place) => idOf(place) === id)) entries.get(node)?.editor.setRunProblem(problem);
  }
}

/** @param {unknown} found errors by a node's id */
function refused(found) {
  for (const [id, entry] of Object.entries(Object(found))) {
    const [error] = /** @type {NodeError} */ (Object(entry)).errors ?? [];
    if (!error?.message) continue;
    const { details, extra_info: extra } = error;
    const input = extra?.input_name ?? details ?? "";
    // Details repeat the input's name, and often say nothing else.
    const more = details?.startsWith(input) ? details.slice(input.length).replace(/^[:,\s]+/, "") : details;
    tell(id, { input, message: more ? `${error.message} (${more})` : error.message });
  }
}
