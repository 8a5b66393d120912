/**
 * Rows of command buttons that follow the state.
 *
 * @import { Actions } from "./commands.js"
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {{session: Session, texts: Texts, actions: Actions}} CommandContext
 */

import { COMMANDS } from "./commands.js";
import { element, icon, iconButton, setAttribute } from "../ui/dom.js";

/**
 * The button of a command.
 * @param {CommandContext} context
 * @param {string} id of the command
 * @returns {{button: HTMLButtonElement, update: () => void}}
 */
export function commandButton({ session, texts, actions }, id) {
  const command = COMMANDS[id];
  const button = iconButton(command.icon ?? "more", labelOf(command, texts), () => command.run(session, texts, actions), { "data-command": id });
  if (command.short) button.append(caption(texts[command.short]));
  let playing = false;
  return {
    button,
    update() {
      const { state } = session;
      if (command.pressed) setAttribute(button, "aria-pressed", String(command.pressed(state)));
      if (command.enabled) button.disabled = !command.enabled(state, session);
      if (id === "play" && playing !== state.playing) {
        playing = state.playing;
        button.replaceChildren(icon(playing ? "pause" : "play"));
      }
    },
  };
}

/**
 * @param {CommandContext} context
 * @param {string} label of the toolbar
 * @param {readonly (string | HTMLElement)[]} items ids of commands, "|" for a gap, "<>" for the rest of the row, or elements
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createToolbar(context, label, items) {
  /** @type {(() => void)[]} */
  const updates = [];
  const bar = element("div", { class: "fm-toolbar", role: "toolbar", "aria-label": label });
  for (const item of items) {
    if (typeof item !== "string") bar.append(item);
    else if (item === "|") bar.append(element("span", { class: "fm-gap" }));
    else if (item === "<>") bar.append(element("span", { class: "fm-spring" }));
    else {
      const { button, update } = commandButton(context, item);
      bar.append(button);
      updates.push(update);
    }
  }
  return { element: bar, update: () => updates.forEach((update) => update()) };
}

/**
 * A command's name with its first key.
 * @param {import("./commands.js").Command} command
 * @param {Texts} texts
 * @returns {string}
 */
function labelOf(command, texts) {
  const key = command.keys?.[0];
  return key ? `${texts[command.text]} (${keyName(key)})` : texts[command.text];
}

/** @param {string} key @returns {string} as printed on a keyboard */
export function keyName(key) {
  if (key === " ") return "Space";
  return key.length === 1 ? key.toUpperCase() : key.replace(/\+(\w)$/, (_, letter) => `+${letter.toUpperCase()}`);
}

/**
 * A button that opens a menu beside itself.
 * @param {string} iconName
 * @param {string} label
 * @param {string} short written beside the icon where there is room
 * @param {(beside: DOMRect) => void} open
 * @returns {HTMLButtonElement}
 */
export function menuButton(iconName, label, short, open) {
  const button = iconButton(iconName, label, () => open(button.getBoundingClientRect()), { "aria-haspopup": "menu" });
  button.append(caption(short));
  return button;
}

/** @param {string} text what the button's name says, too */
function caption(text) {
  return element("span", { class: "fm-short", "aria-hidden": "true" }, text);
}
