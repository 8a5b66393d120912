/**
 * The keys. They work in the whole editor, except those that a focused field needs for typing and moving.
 *
 * @import { CommandContext } from "./toolbar.js"
 */

import { grow, nudge } from "./actions.js";
import { COMMANDS } from "./commands.js";

/** @type {Readonly<Record<string, readonly [number, number]>>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @type {Map<string, string>} from "Ctrl+Shift+z" to the command's id */
const byKey = new Map(Object.entries(COMMANDS).flatMap(([id, { keys = [] }]) => keys.map((key) => [key, id])));

/**
 * The name that COMMANDS gives a key press. Letters are lower case, and Shift counts only where it does not already produce
 * another character.
 * @param {{key: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean, shiftKey: boolean}} event
 * @returns {string}
 */
function keyOf({ key, ctrlKey, metaKey, altKey, shiftKey }) {
  const letter = /^[a-z]$/i.test(key);
  const shift = shiftKey && (letter || key.length > 1);
  return `${ctrlKey || metaKey ? "Ctrl+" : ""}${altKey ? "Alt+" : ""}${shift ? "Shift+" : ""}${letter ? key.toLowerCase() : key}`;
}

/**
 * Handle a key press on the stage or on a button.
 * @param {CommandContext} context
 * @param {KeyboardEvent} event
 * @returns {boolean} whether it was ours
 */
export function handleKey(context, event) {
  const { session, texts, actions } = context;
  const arrow = ARROWS[event.key];
  if (arrow && session.state.ids.length) {
    const step = event.shiftKey ? 10 : 1;
    const [dx, dy] = arrow;
    if (event.altKey) grow(session, texts, dx * step, -dy * step);
    else nudge(session, texts, dx * step, dy * step, event.ctrlKey || event.metaKey);
    return true;
  }
  const command = COMMANDS[byKey.get(keyOf(event)) ?? ""];
  if (!command) return false;
  if (!command.enabled || command.enabled(session.state, session)) command.run(session, texts, actions);
  return true;
}

/**
 * Whether a key press belongs to the field that has the focus.
 * @param {EventTarget | null} target
 * @param {KeyboardEvent} event
 * @param {Element} sink our own field, which has none to itself
 * @returns {boolean}
 */
export function belongsToField(target, event, sink) {
  if (target === sink || !(target instanceof HTMLElement)) return false;
  if (target.matches("input, select, textarea")) return true;
  const own = target.matches('[role="listbox"]') ? ["ArrowUp", "ArrowDown"] : [];
  if (target.matches("button")) own.push(" ", "Enter");
  return own.includes(event.key);
}
