/**
 * What lies behind the boxes of each node: the picture it gets, at one of its places, and what runs return of it.
 *
 * @import { Entry } from "./entries.js"
 * @import { Api as PeekApi, Prompt } from "./peek.js"
 * @import { ToUrl } from "./start_image.js"
 * @import { ComfyNode, GraphLike, Place } from "./upstream.js"
 *
 * @typedef {{node: unknown, prompt_id?: string, output?: unknown}} Executed what the server tells of a node that has run
 *
 * @typedef {object} Page
 * @property {PeekApi} api read when it is needed
 * @property {ToUrl} toUrl
 * @property {() => GraphLike | undefined} root the graph of now
 * @property {() => Promise<{output: Prompt, workflow: unknown}>} toPrompt
 */

import { clipOfEntry, measuresOf } from "./clip_inputs.js";
import { entries, live, placesAt, resultKey, resultsOf } from "./entries.js";
import { notesOf, resolvedText } from "./graph.js";
import { peek, peekPrompt } from "./peek.js";
import { runOf } from "./runs.js";
import { backgroundOf, inputsNow, withResult } from "./start_image.js";
import { idOf, placesOf } from "./upstream.js";

/** Of DrawTrajectory: the input of the document. */
const INPUT = "trajectory";

/** @param {Page} page */
export function createBehind(page) {
  const { toUrl, root, toPrompt } = page;

  /** The place whose picture is shown. @param {Entry} entry @returns {Place | undefined} */
  const placeShown = (entry) => placesAt(entry).at(entry.use % Math.max(placesAt(entry).length, 1));

  /** @param {Entry} entry */
  function showPicture(entry) {
    const keeper = resultsOf(entry);
    entry.editor.setClip(clipOfEntry(entry));
    entry.editor.setBackground(backgroundOf(placesAt(entry), keeper.returned, toUrl, entry.use));
    const place = placeShown(entry);
    entry.editor.setResult(place && keeper.results.get(resultKey(root()?.id, idOf(place))));
  }

  /** @param {ComfyNode} node */
  function refresh(node) {
    const entry = node.graph && entries.get(node);
    if (!entry) return;
    entry.editor.refresh();
    entry.editor.setLinked(isLinked(node, root()?.nodes ?? []));
    showPicture(entry);
  }

  return {
    placeShown,
    showPicture,
    refresh,

    /** Show the picture of the next use of the node's subgraph. @param {Entry} entry */
    nextUse(entry) {
      Object.assign(entry, { use: (entry.use + 1) % Math.max(placesAt(entry).length, 1) });
      showPicture(entry);
    },

    /** Compute the start image alone. @param {Entry} entry */
    async peekAt(entry) {
      const place = placeShown(entry);
      if (!place) return;
      const inputs = inputsNow(place, toUrl);
      const { output, workflow } = await toPrompt();
      const prompt = peekPrompt(output, idOf(place));
      if (!prompt) return;
      const keeper = resultsOf(entry);
      keeper.returned = withResult(keeper.returned, inputs, { start_image: await peek(page.api, prompt, workflow) }, toUrl);
      showPicture(entry);
    },

    /** @param {Executed} executed */
    async takeResult({ node: id, prompt_id: run, output }) {
      const node = [...live].find((found) => placesOf(found).some((place) => idOf(place) === String(id)));
      const entry = node && entries.get(node);
      if (!entry) return;
      const found = await runOf(run);
      if (!found || found.graph === root()?.id) {
        const resolved = resolvedText(output);
        entry.measures = measuresOf(resolved) ?? entry.measures;
        entry.editor.setRunProblem(undefined);
        entry.editor.setResolved(resolved, notesOf(output));
      }
      const inputs = found?.inputs.get(String(id));
      if (inputs) entry.returned = withResult(entry.returned, inputs, output, toUrl);
      refresh(entry.node);
    },
  };
}

/**
 * The entries of the nodes in a prompt, and how the prompt calls each.
 * @param {Prompt} prompt
 * @returns {{entry: Entry, id: string}[]}
 */
export function entriesIn(prompt) {
  return [...live].flatMap((node) => {
    const entry = entries.get(node);
    return entry ? placesOf(node).map((place) => ({ entry, id: idOf(place) })).filter(({ id }) => Object.hasOwn(prompt, id)) : [];
  });
}

/**
 * Whether the node's document comes through a link. A promoted widget's does too, but up to frontend 1.45 the subgraph's node shows this
 * very editor.
 * @param {ComfyNode} node
 * @param {readonly ComfyNode[]} around
 */
function isLinked(node, around) {
  const link = node.inputs?.find(({ name }) => name === INPUT)?.link;
  if (link === undefined || link === null) return false;
  const own = entries.get(node)?.editor.element;
  return !around.some((host) => host.subgraph && host.widgets?.some(({ element }) => element !== undefined && element === own));
}
