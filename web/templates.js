/**
 * The pack's templates in ComfyUI's menu, in the order in which a newcomer should meet them. The template browser lists them as the file
 * system does.
 */

import { fill, textsFor } from "./editor/texts/texts.js";

/**
 * @typedef {{name: string, label: string}} Template name: of the file in example_workflows/; label: in the menu, and the key of its
 *   translation in locales/
 * @typedef {object} Host
 * @property {(path: string) => Promise<Response>} fetchApi
 * @property {(workflow: unknown, name: string) => unknown} load a workflow into a tab of its own
 * @property {(name: string) => {isPersisted: boolean, isModified: boolean} | null | undefined} find a workflow of this name, open or saved
 * @property {(message: string) => void} complain
 * @property {() => string} locale
 */

/** What needs no adapter first; a line stands between groups. @type {readonly (readonly Template[])[]} */
export const TEMPLATES = [
  [
    { name: "flashmotion_no_adapter", label: "Start without an adapter" },
    { name: "flashmotion_plus_adapter", label: "With an adapter" },
    { name: "flashmotion_tiny_cpu", label: "Tiny models, on a CPU" },
  ],
  [
    { name: "flashmotion_quick_takes", label: "Quick takes" },
    { name: "flashmotion_with_detector", label: "Boxes from a detector" },
    { name: "flashmotion_video_motion", label: "Motion from a video" },
    { name: "flashmotion_tiny_best_of_seeds", label: "Best of several seeds" },
  ],
];
const MENU = "FlashMotion";

/** @param {Template} template @returns {string} the id of the command that opens it */
export const commandOf = ({ name }) => `${MENU}.Template.${name}`;

/**
 * The pack's name for ComfyUI, which is its folder's in custom_nodes, as it stands in an address.
 * @param {string} url of a file in the pack's web folder
 * @returns {string}
 */
export function moduleOf(url) {
  const match = /\/extensions\/([^/]+)\/[^/]+$/.exec(new URL(url).pathname);
  if (!match) throw new RangeError(`${url} is not the address of a file of an extension: expected .../extensions/NAME/FILE.`);
  return match[1];
}

/**
 * The part of an extension that puts the templates into the menu.
 * @param {Host} host
 */
export function templateMenu(host) {
  return {
    commands: TEMPLATES.flat().map((template) => ({
      id: commandOf(template),
      label: `${MENU}: ${template.label}`,
      menubarLabel: template.label,
      icon: "icon-[comfy--template]",
      function: () => openTemplate(template.name, moduleOf(import.meta.url), host),
    })),
    menuCommands: TEMPLATES.map((group) => ({ path: [MENU], commands: group.map(commandOf) })),
  };
}

/**
 * Open a template as the template browser does, or complain in one sentence.
 * @param {string} name
 * @param {string} module see `moduleOf`
 * @param {Host} host
 */
export async function openTemplate(name, module, host) {
  let workflow;
  try {
    const response = await host.fetchApi(`/workflow_templates/${module}/${name}.json`);
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    workflow = await response.json();
  } catch (error) {
    host.complain(fill(textsFor(host.locale()).templateUnread, name, error instanceof Error ? error.message : String(error)));
    return;
  }
  await host.load(workflow, freeName(name, host));
}

/**
 * A name under which nothing of the user's is: ComfyUI loads a template into the user's workflow of its name.
 * @param {string} name
 * @param {Pick<Host, "find">} host
 */
function freeName(name, host) {
  for (let number = 1; ; number += 1) {
    const free = number === 1 ? name : `${name} (${number})`;
    const there = host.find(free);
    if (!there?.isPersisted && !there?.isModified) return free;
  }
}
