/**
 * The start image alone, without the rest of the workflow: a run of only those nodes that it needs, and a preview. So that it can be
 * seen before anything is drawn, when a run of the whole workflow would refuse.
 *
 * @typedef {Record<string, {class_type: string, inputs: Record<string, unknown>}>} Prompt
 * @typedef {{prompt_id: string, node?: string, output?: {images?: {filename: string, subfolder: string, type: string}[]}}} Progress
 *
 * @typedef {object} Api ComfyUI's client
 * @property {(number: number, prompt: {output: Prompt, workflow: unknown}) => Promise<{prompt_id: string}>} queuePrompt
 * @property {(name: string, listener: (event: CustomEvent<Progress>) => void) => void} addEventListener
 * @property {(name: string, listener: (event: CustomEvent<Progress>) => void) => void} removeEventListener
 */

import { PICTURE_INPUT } from "./start_image.js";

/** The ids of the nodes that are added: the first picture, and a preview of it. */
const [FIRST, PREVIEW] = ["flashmotion_first", "flashmotion_preview"];
const SEEN = "executed";
const ENDED = ["execution_success", "execution_error", "execution_interrupted"];
/** Before the runs that wait. */
const AT_THE_FRONT = -1;

/**
 * @param {Prompt} output of the whole workflow
 * @param {string} id of the node in it
 * @returns {Prompt | undefined} undefined: nothing is connected
 */
export function peekPrompt(output, id) {
  const link = output[id]?.inputs[PICTURE_INPUT];
  if (!Array.isArray(link)) return undefined;
  /** @type {Prompt} */
  const needed = {};
  /** @param {unknown} value */
  const visit = (value) => {
    if (!Array.isArray(value) || value.length !== 2) return;
    const key = String(value[0]);
    if (key in needed || !Object.hasOwn(output, key)) return;
    needed[key] = output[key];
    Object.values(output[key].inputs).forEach(visit);
  };
  visit(link);
  return {
    ...needed,
    [FIRST]: { class_type: "ImageFromBatch", inputs: { image: link, batch_index: 0, length: 1 } },
    [PREVIEW]: { class_type: "PreviewImage", inputs: { images: [FIRST, 0] } },
  };
}

/**
 * Run such a prompt.
 * @param {Api} api
 * @param {Prompt} output
 * @param {unknown} workflow
 * @returns {Promise<string[]>} the picture, as loaders name it; none when the run did not come to its end, which ComfyUI itself reports
 */
export function peek(api, output, workflow) {
  return new Promise((resolve, reject) => {
    /** @type {Progress[]} */
    const seen = [];
    /** @type {string[]} */
    const ended = [];
    let run = "";
    const settle = () => {
      if (!run || !ended.includes(run)) return;
      api.removeEventListener(SEEN, onSeen);
      for (const name of ENDED) api.removeEventListener(name, onEnd);
      const images = seen.find((entry) => entry.prompt_id === run && entry.node === PREVIEW)?.output?.images ?? [];
      resolve(images.map(({ filename, subfolder, type }) => `${subfolder ? `${subfolder}/` : ""}${filename} [${type}]`));
    };
    /** @param {CustomEvent<Progress>} event */
    const onSeen = ({ detail }) => void seen.push(detail);
    /** @param {CustomEvent<Progress>} event */
    const onEnd = ({ detail }) => {
      ended.push(detail.prompt_id);
      settle();
    };
    api.addEventListener(SEEN, onSeen);
    for (const name of ENDED) api.addEventListener(name, onEnd);
    api.queuePrompt(AT_THE_FRONT, { output, workflow }).then(({ prompt_id: id }) => {
      run = id;
      settle();
    }, reject);
  });
}
