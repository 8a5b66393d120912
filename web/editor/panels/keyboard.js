/**
 * The keys. They work in the whole editor, except those that a focused field needs for typing and moving, and none of them reaches
 * ComfyUI, whose keys would act on the node: bypass, mute, collapse, pin, delete.
 *
 * @import { ThingFinder } from "../stage/things.js"
 * @import { CommandContext } from "./toolbar.js"
 *
 * @typedef {CommandContext & {things: ThingFinder}} KeyContext
 */

import { grow, nudge } from "./actions.js";
import { moveAim, useAim, usesAim } from "./aim.js";
import { COMMANDS } from "./commands.js";

/** @type {Readonly<Record<string, readonly [number, number]>>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * The keys that ComfyUI does get, because they concern the queue, the workflow's file or ComfyUI's panels, and without it the browser
 * would save or open a page: run, run next, stop, save, save as, open, settings, log, shortcuts, app mode, minimap.
 */
const PASSED = new Set([
  "Ctrl+Enter", "Ctrl+Shift+Enter", "Ctrl+Alt+Enter", "Ctrl+s", "Ctrl+Shift+s", "Ctrl+o", "Ctrl+,", "Ctrl+`", "Ctrl+Shift+k",
  "Alt+m", "Alt+\u00b5", "Alt+Shift+m",
]);
/** The browser gives these to the field that has the focus. */
const CLIPBOARD = ["Ctrl+c", "Ctrl+x", "Ctrl+v"];
const FOCUSABLE = ":is(button, input, select, textarea):not(:disabled), a[href], [tabindex]";
const TEXT_FIELD = "textarea, input:not([type=checkbox], [type=color], [type=range])";

/** From "Ctrl+Shift+z" to the commands; of several the first that is enabled runs. @type {Map<string, import("./commands.js").Command[]>} */
const byKey = new Map();
for (const command of Object.values(COMMANDS)) for (const key of command.keys ?? []) byKey.set(key, [...(byKey.get(key) ?? []), command]);

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
 * @param {KeyContext} context
 * @param {KeyboardEvent} event
 * @returns {boolean} whether it was ours
 */
function handleKey(context, event) {
  const { session, texts, actions, things } = context;
  const arrow = ARROWS[event.key];
  // Only from the stage: lists and buttons have arrows and Enter of their own.
  if (usesAim(session) && event.target instanceof Element && event.target.matches(".fm-sink")) {
    if (arrow && !event.ctrlKey && !event.metaKey && !event.altKey) {
      moveAim(session, texts, arrow[0], arrow[1], event.shiftKey);
      return true;
    }
    if (event.key === "Enter") {
      useAim(session, texts, things, event);
      return true;
    }
  }
  if (arrow && session.state.ids.length) {
    const step = event.shiftKey ? 10 : 1;
    const [dx, dy] = arrow;
    if (event.altKey) grow(session, texts, dx * step, -dy * step);
    else nudge(session, texts, dx * step, dy * step, event.ctrlKey || event.metaKey);
    return true;
  }
  const commands = byKey.get(keyOf(event));
  commands?.find(({ enabled }) => !enabled || enabled(session.state, session))?.run(session, texts, actions);
  return commands !== undefined;
}

/**
 * Whether a key press belongs to the field that has the focus.
 * @param {EventTarget | null} target
 * @param {KeyboardEvent} event
 * @param {Element} sink our own field, which has none to itself
 * @returns {boolean}
 */
function belongsToField(target, event, sink) {
  if (target === sink || !(target instanceof HTMLElement)) return false;
  if (target.matches(TEXT_FIELD)) return true;
  if (target.matches("input, select")) return !event.ctrlKey && !event.metaKey;
  const own = target.matches('[role="listbox"]') ? ["ArrowUp", "ArrowDown"] : [];
  if (target.matches("button")) own.push(" ", "Enter");
  return own.includes(event.key);
}

/**
 * Listen to the keys of the editor.
 * @param {HTMLElement} root
 * @param {HTMLElement} sink the field that has the focus while the stage is used
 * @param {KeyContext} context
 * @param {() => void} focus the sink
 * @returns {{keepFocus: () => void}} to the sink, if what had the focus is gone or disabled
 */
export function installKeys(root, sink, context, focus) {
  /** @type {Element | undefined} */
  let held;
  const isUsable = () => held && root.contains(held) && !held.matches(":disabled");

  root.addEventListener("keydown", (event) => {
    const name = keyOf(event);
    if (PASSED.has(name)) return;
    event.stopPropagation();
    // Escape closes an open popover and does nothing else.
    if (root.querySelector(":popover-open") || context.session.state.problem !== undefined) return;
    if (belongsToField(event.target, event, sink)) {
      // Enter finishes a number and gives the keys back to the stage.
      if (event.key === "Enter" && event.target instanceof HTMLInputElement && event.target.type === "number") queueMicrotask(focus);
      return;
    }
    if (CLIPBOARD.includes(name)) focus();
    if (!handleKey(context, event)) return;
    event.preventDefault();
    // ComfyUI's undo saw the key before us and looks at it again in the next animation frame. On a button it would undo as well.
    Object.defineProperty(event, "key", { value: "Unidentified" });
  });
  // Or a press beside a button would give the focus to ComfyUI's node, where Delete removes the node.
  root.addEventListener("mousedown", (event) => {
    const focusable = event.target instanceof Element ? event.target.closest(FOCUSABLE) : undefined;
    if (focusable && root.contains(focusable)) return;
    event.preventDefault();
    focus();
  });
  root.addEventListener("focusin", ({ target }) => {
    held = target instanceof Element ? target : undefined;
  });
  root.addEventListener("focusout", () => {
    if (isUsable()) held = undefined;
  });
  // After a click on a button the stage keeps the keys. A user who came with Tab stays on the button.
  root.addEventListener("click", (event) => {
    const { target } = event;
    if (event.detail > 0 && target instanceof Element && target.closest(".fm-button") && !root.querySelector(":popover-open")) focus();
  });
  return {
    keepFocus() {
      const { activeElement, body } = document;
      if (held && !isUsable() && (!activeElement || activeElement === body || activeElement === held)) focus();
    },
  };
}
