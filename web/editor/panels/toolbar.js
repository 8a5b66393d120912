/**
 * Rows of command buttons that follow the state. What finds no room folds into a menu; arrow keys go along the row.
 *
 * @import { Actions } from "./commands.js"
 * @import { Session } from "../edit/session.js"
 * @import { MenuItem } from "../ui/popup.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {{session: Session, texts: Texts, actions: Actions}} CommandContext
 * @typedef {{left: number, top: number, bottom: number}} Beside
 *
 * @typedef {object} BarMenu a button that opens a menu beside itself
 * @property {string} id
 * @property {string} icon
 * @property {string} label
 * @property {string} short written with the icon where there is room
 * @property {(beside: Beside) => void} open
 *
 * @typedef {string | BarMenu | HTMLElement} BarItem id of a command, "|" for a gap, "<>" for the rest of the row, a menu, an element
 * @typedef {{element: HTMLElement, item?: BarItem, rank: number}} Part of a bar; rank as in whatFolds
 */

import { COMMANDS } from "./commands.js";
import { element, icon, iconButton, setAttribute } from "../ui/dom.js";
import { whatFolds } from "../ui/fold.js";
import { openMenu } from "../ui/popup.js";
import { roveAlong } from "../ui/rove.js";

/** Pixels between the items of a bar, as in the style sheet. */
const GAP = 2;

/** What fits one bar to its width, in steps that write and read in turns. @typedef {readonly (() => void)[]} Fitting */

/** By bar, what is to be done at a width. @type {WeakMap<Element, (width: number) => Fitting | undefined>} */
const whenResized = new WeakMap();
const widths = new ResizeObserver((entries) => {
  fitAll(entries.flatMap(({ target, contentRect: { width } }) => {
    const fitting = whenResized.get(target)?.(width);
    return fitting ? [fitting] : [];
  }));
});

/** Each step for all bars before the next one: a reading after every writing would lay out the page for each bar. @param {readonly Fitting[]} fittings */
function fitAll(fittings) {
  fittings[0]?.forEach((_, step) => fittings.forEach((fitting) => fitting[step]()));
}

/**
 * The button of a command.
 * @param {CommandContext} context
 * @param {string} id of the command
 * @returns {{button: HTMLButtonElement, update: () => void}}
 */
export function commandButton({ session, texts, actions }, id) {
  const command = COMMANDS[id];
  const run = () => {
    // Not the attribute `disabled`, with which the button would lose the focus.
    if (button.getAttribute("aria-disabled") !== "true") command.run(session, texts, actions);
  };
  const button = iconButton(command.icon ?? "more", labelOf(command, texts), run, { "data-command": id });
  if (command.short) button.append(caption(texts[command.short]));
  let playing = false;
  return {
    button,
    update() {
      const { state } = session;
      if (command.pressed) setAttribute(button, "aria-pressed", String(command.pressed(state)));
      if (command.enabled) setAttribute(button, "aria-disabled", command.enabled(state, session) ? undefined : "true");
      if (id === "play" && playing !== state.playing) {
        playing = state.playing;
        button.replaceChildren(icon(playing ? "pause" : "play"));
      }
    },
  };
}

/**
 * @param {CommandContext & {root: () => HTMLElement}} context
 * @param {string} label of the toolbar
 * @param {readonly BarItem[]} items elements never fold
 * @param {readonly string[]} [keep] ids of the commands and menus that fold last, the most important first; together: "a b"
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createToolbar(context, label, items, keep = []) {
  const { session, texts, root } = context;
  /** @type {(() => void)[]} */
  const updates = [];
  const more = menuButton({ id: "more", icon: "more", label: texts.more, short: texts.shortMore, open: openFolded });
  const parts = items.map((item, place) => makePart(item, place));
  const spring = parts.findIndex(({ item }) => item === "<>");
  const bar = element("div", { class: "fm-toolbar", role: "toolbar", "aria-label": label }, ...parts.map((part) => part.element));
  bar.insertBefore(more, parts[spring]?.element ?? null);
  more.hidden = true;
  const rove = roveAlong(bar);
  /** @type {string | undefined} */
  let tool;

  /** @param {BarItem} item @param {number} place @returns {Part} */
  function makePart(item, place) {
    if (typeof item === "object" && "nodeType" in item) return { element: item, rank: 0 };
    if (item === "|") return { element: element("span", { class: "fm-gap" }), rank: Infinity };
    if (item === "<>") return { element: element("span", { class: "fm-spring" }), item, rank: 0 };
    const id = typeof item === "string" ? item : item.id;
    // A command that nobody ranked folds before those in `keep`, the last of the bar first.
    const kept = keep.findIndex((ids) => ids.split(" ").includes(id));
    const rank = kept < 0 ? keep.length + 1 + place : kept + 1;
    if (typeof item !== "string") return { element: menuButton(item), item, rank };
    const { button, update } = commandButton(context, item);
    updates.push(update);
    return { element: button, item, rank };
  }

  /** @param {HTMLElement} entry */
  const widthOf = (entry) => (entry.offsetWidth ? entry.offsetWidth + GAP : 0);
  let room = 0;
  /** @type {{width: number, rank: number}[]} */
  let sizes = [];
  /** @type {Set<number>} */
  let folded = new Set();

  /** @type {Fitting} */
  const fitting = [
    // Nothing is written where all fits and did before.
    () => {
      for (const part of parts) if (part.element.hidden) part.element.hidden = false;
    },
    () => {
      // The tool in use stays in sight.
      sizes = parts.map(({ element: entry, item, rank }) =>
        ({ width: item === "<>" ? GAP : widthOf(entry), rank: item !== undefined && item === tool ? 0 : rank }));
      folded = whatFolds(sizes, room + GAP, 0);
    },
    () => {
      if (folded.size) more.hidden = false;
    },
    () => {
      if (folded.size) folded = whatFolds(sizes, room + GAP, widthOf(more));
    },
    () => {
      const focused = parts.find((part) => part.element === document.activeElement);
      for (const place of folded) parts[place].element.hidden = true;
      more.hidden = ![...folded].some((place) => parts[place].item !== undefined);
      if (focused?.element.hidden) more.focus();
      const inSight = new Set(parts.filter((_, place) => sizes[place].width && !folded.has(place)).map((part) => part.element));
      rove.update((entry) => (entry === more ? !more.hidden : inSight.has(entry)));
    },
  ];

  /** @param {Beside} beside */
  function openFolded(beside) {
    const away = parts.filter((part) => part.element.hidden);
    openMenu(root(), beside, texts.more, away.flatMap(({ item }) => {
      if (typeof item === "string") return [commandItem(context, item)];
      return item && "open" in item ? [{ text: item.label, run: () => item.open(beside) }] : [];
    }));
  }

  // What a bar needs changes with its width alone; a bar out of sight tells none.
  whenResized.set(bar, (width) => {
    if (width === room) return undefined;
    room = width;
    return room ? fitting : undefined;
  });
  widths.observe(bar);

  return {
    element: bar,
    update() {
      for (const update of updates) update();
      const now = items.find((item) => typeof item === "string" && COMMANDS[item]?.tool && COMMANDS[item].pressed?.(session.state));
      if (now === tool) return;
      tool = typeof now === "string" ? now : undefined;
      if (room && parts.some((part) => part.element.hidden)) fitAll([fitting]);
    },
  };
}

/**
 * A command as the entry of a menu.
 * @param {CommandContext} context
 * @param {string} id
 * @returns {Exclude<MenuItem, "-">}
 */
export function commandItem({ session, texts, actions }, id) {
  const { text, keys, enabled, pressed, tool, run } = COMMANDS[id];
  return {
    text: texts[text],
    key: keys?.[0] && keyName(keys[0]),
    disabled: enabled ? !enabled(session.state, session) : false,
    checked: pressed?.(session.state),
    single: tool,
    run: () => run(session, texts, actions),
  };
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

/** @param {BarMenu} menu @returns {HTMLButtonElement} */
function menuButton({ id, icon: iconName, label, short, open }) {
  const button = iconButton(iconName, label, () => open(button.getBoundingClientRect()), { "aria-haspopup": "menu", "data-command": id });
  button.append(caption(short));
  return button;
}

/** @param {string} text what the button's name says, too */
export function caption(text) {
  return element("span", { class: "fm-short", "aria-hidden": "true" }, text);
}
