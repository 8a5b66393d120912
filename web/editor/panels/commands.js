/**
 * Everything that has a button or a key, defined once. Toolbar, menus, keyboard and help panel read it from here.
 *
 * @import { Session, State } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} Actions what commands need besides the session
 * @property {() => void} toggleLarge
 * @property {() => void} help
 * @property {() => void} fitView
 * @property {() => void} leave
 * @property {() => void} rename
 * @property {(factor: number | undefined) => void} zoomTime about the frame shown; undefined: the whole clip
 *
 * @typedef {object} Command
 * @property {keyof Texts} text
 * @property {string} [icon]
 * @property {keyof Texts} [short] written beside the icon where there is room
 * @property {readonly string[]} [keys] such as "Ctrl+Shift+z"; "Ctrl" stands for Cmd too
 * @property {(session: Session, texts: Texts, actions: Actions) => void} run
 * @property {(state: State, session: Session) => boolean} [enabled]
 * @property {(state: State) => boolean} [pressed] makes it a toggle
 * @property {true} [tool] of several of these one is on
 */

import { addObject, addKeyframe, align, distribute, duplicateObjects, flip, reverse, staticAnchor } from "../edit/operations.js";
import { nextName } from "../edit/names.js";
import { clearShapes } from "../edit/shapes.js";
import { changeBrush } from "./aim.js";
import { NEW_SIZE } from "../edit/pen.js";
import { goToFrame, goToKey, hideFromHere, isHiddenHere, moveInList, removeSelected, selectNext, setFlag } from "./actions.js";
import { fill } from "../texts/texts.js";

const TIME_ZOOM = 1.6;

/** @param {State} state */
const hasObject = (state) => state.ids.length > 0;
/** @param {import("../edit/session.js").Tool} tool @param {keyof Texts} text @param {keyof Texts} short @param {string} key @returns {Command} */
const toolCommand = (tool, text, short, key) => ({
  text, short, icon: tool, keys: [key], tool: true,
  run: (session) => session.set({ tool }),
  pressed: (state) => state.tool === tool,
});
/** What these tools change belongs to frame 0 of the picture. @param {"thing" | "brush"} tool @param {keyof Texts} text @param {keyof Texts} short @param {string} key @returns {Command} */
const maskTool = (tool, text, short, key) => ({
  ...toolCommand(tool, text, short, key),
  run: (session) => session.set({ tool, frame: 0, behind: "picture", playing: false, aim: undefined, thingHow: "new" }),
});
/** @param {"snap" | "ghosts" | "cutouts" | "loop"} name @param {string} key @param {keyof Texts} [short] @returns {Command} */
const toggleCommand = (name, key, short) => ({
  text: name, short, icon: name, keys: [key],
  run: (session) => session.set({ [name]: !session.state[name] }),
  pressed: (state) => state[name],
});
/** @param {Exclude<import("../edit/session.js").Behind, "picture">} name @param {string} key @param {keyof Texts} short @returns {Command} */
const behindCommand = (name, key, short) => ({
  text: name, short, icon: name, keys: [key],
  run: (session) => session.set({ behind: session.state.behind === name ? "picture" : name }),
  pressed: (state) => state.behind === name,
});
/** What the list's buttons do, for the selected objects. @param {"unseen" | "locked"} flag @param {keyof Texts} text @returns {Command} */
const flagCommand = (flag, text) => ({
  text, enabled: hasObject,
  run: (session) => setFlag(session, flag, session.state.ids),
  pressed: ({ ids, [flag]: on }) => ids.length > 0 && ids.every((id) => on.includes(id)),
});
/** @param {import("../edit/operations_boxes.js").Edge} edge @param {keyof Texts} text @returns {Command} */
const alignCommand = (edge, text) => ({
  text, enabled: hasObject,
  run: (session, texts) => session.edit(texts.stepAlign, (document) => align(document, { ids: session.state.ids, frame: session.state.frame, edge })),
});
/** @param {"x" | "y"} axis @param {keyof Texts} text @returns {Command} */
const distributeCommand = (axis, text) => ({
  text, enabled: (state) => state.ids.length > 2,
  run: (session, texts) => session.edit(texts.stepAlign, (document) => distribute(document, { ids: session.state.ids, frame: session.state.frame, axis })),
});
/** @param {"horizontal" | "vertical"} axis @param {keyof Texts} text @returns {Command} */
const flipCommand = (axis, text) => ({
  text, enabled: hasObject,
  run: (session, texts) => session.edit(texts.stepFlip, (document) => flip(document, { ids: session.state.ids, axis })),
});

/** @param {Session} session @param {string | undefined} label @param {string} own @param {string} around */
function tellStep(session, label, own, around) {
  if (label !== undefined) session.say(label ? fill(own, label) : around);
}

/** @type {Readonly<Record<string, Command>>} */
export const COMMANDS = {
  undo: {
    text: "undo", icon: "undo", keys: ["Ctrl+z"],
    enabled: (_, session) => session.canUndo,
    run: (session, texts) => void session.undo().then((label) => tellStep(session, label, texts.saidUndone, texts.saidUndoneAround)),
  },
  redo: {
    text: "redo", icon: "redo", keys: ["Ctrl+Shift+z", "Ctrl+y"],
    enabled: (_, session) => session.canRedo,
    run: (session, texts) => void session.redo().then((label) => tellStep(session, label, texts.saidRedone, texts.saidRedoneAround)),
  },
  toolDraw: toolCommand("draw", "toolDraw", "shortDraw", "v"),
  toolBox: toolCommand("box", "toolBox", "shortBox", "b"),
  toolThing: maskTool("thing", "toolThing", "shortThing", "w"),
  toolBrush: maskTool("brush", "toolBrush", "shortBrush", "q"),
  brushSmaller: { text: "brushSmaller", keys: ["["], enabled: (state) => state.tool === "brush", run: (session, texts) => changeBrush(session, texts, -1) },
  brushLarger: { text: "brushLarger", keys: ["]"], enabled: (state) => state.tool === "brush", run: (session, texts) => changeBrush(session, texts, 1) },
  clearMask: {
    text: "clearMask", short: "shortClearMask", icon: "eraseMask",
    enabled: ({ ids, document }) => document.objects.some(({ id, shape }) => shape && ids.includes(id)),
    run: (session, texts) => session.edit(texts.stepMaskClear, (document) => clearShapes(document, { ids: session.state.ids }), { message: texts.saidMaskCleared }),
  },
  toolPen: toolCommand("pen", "toolPen", "shortPen", "p"),
  toolSelect: toolCommand("select", "toolSelect", "shortSelect", "m"),
  toolRecord: toolCommand("record", "toolRecord", "shortRecord", "r"),
  snap: toggleCommand("snap", "s", "shortSnap"),
  ghosts: toggleCommand("ghosts", "g", "shortGhosts"),
  cutouts: { ...toggleCommand("cutouts", "a", "shortCutouts"), enabled: (state) => state.behind === "picture" },
  map: behindCommand("map", "c", "shortMap"),
  result: { ...behindCommand("result", "t", "shortResult"), enabled: (state) => state.hasResult },
  loop: toggleCommand("loop", "l", "shortLoop"),
  play: { text: "play", icon: "play", keys: [" "], run: (session) => session.set({ playing: !session.state.playing }), pressed: (state) => state.playing },
  stepBack: { text: "stepBack", icon: "back", keys: [","], run: (session) => goToFrame(session, session.state.frame - 1) },
  timeOut: { text: "zoomOut", icon: "minus", run: (_session, _texts, actions) => actions.zoomTime(1 / TIME_ZOOM) },
  timeFit: { text: "fitTime", icon: "fit", run: (_session, _texts, actions) => actions.zoomTime(undefined) },
  timeIn: { text: "zoomIn", icon: "plus", run: (_session, _texts, actions) => actions.zoomTime(TIME_ZOOM) },
  stepForward: { text: "stepForward", icon: "forward", keys: ["."], run: (session) => goToFrame(session, session.state.frame + 1) },
  previousKey: { text: "previousKey", keys: ["<"], run: (session) => goToKey(session, -1) },
  nextKey: { text: "nextKey", keys: [">"], run: (session) => goToKey(session, 1) },
  firstFrame: { text: "firstFrame", keys: ["Home"], run: (session) => goToFrame(session, 0) },
  lastFrame: { text: "lastFrame", keys: ["End"], run: (session) => goToFrame(session, Infinity) },
  addKey: {
    text: "addKey", short: "shortKey", icon: "keyAdd", keys: ["k"], enabled: hasObject,
    run: (session, texts) => session.edit(texts.stepKey, (document) => addKeyframe(document, { ids: session.state.ids, frame: session.state.frame }), { message: fill(texts.saidKey, session.state.frame) }),
  },
  newBox: {
    text: "newBox", icon: "plus", keys: ["n"],
    run: (session, texts) => {
      const { frame, document } = session.state;
      const label = nextName(document.objects, (place) => fill(texts.objectName, place));
      session.edit(texts.stepDraw, (before) => addObject(before, { box: { x: 0.5, y: 0.5, ...NEW_SIZE }, frame, label }), { message: fill(texts.saidDrawn, frame) });
      const id = session.state.document.objects.at(-1)?.id;
      if (id) session.set({ ids: [id], keys: [] });
    },
  },
  hide: {
    text: "hideHere", short: "shortHide", icon: "eyeOff", keys: ["h"], enabled: hasObject,
    run: (session, texts) => hideFromHere(session, texts, !isHiddenHere(session)),
  },
  duplicate: {
    text: "duplicate", short: "duplicate", icon: "copy", keys: ["Ctrl+d"], enabled: hasObject,
    run: (session, texts) => {
      const count = session.state.ids.length;
      if (!session.edit(texts.stepDuplicate, (document) => duplicateObjects(document, { ids: session.state.ids }))) return;
      session.set({ ids: session.state.document.objects.slice(-count).map(({ id }) => id), keys: [] });
    },
  },
  remove: {
    text: "remove", short: "remove", icon: "trash", keys: ["Delete", "Backspace"], enabled: (state) => hasObject(state) || state.keys.length > 0,
    run: (session, texts) => removeSelected(session, texts),
  },
  selectAll: { text: "selectAll", keys: ["Ctrl+a"], run: (session) => session.set({ ids: session.state.document.objects.map(({ id }) => id), keys: [] }) },
  nextObject: { text: "nextObject", keys: ["PageDown", "]"], run: (session, texts) => selectNext(session, texts, 1) },
  previousObject: { text: "previousObject", keys: ["PageUp", "["], run: (session, texts) => selectNext(session, texts, -1) },
  raise: { text: "raise", icon: "up", keys: ["Alt+PageUp"], enabled: hasObject, run: (session, texts) => moveInList(session, texts, -1) },
  lower: { text: "lower", icon: "down", keys: ["Alt+PageDown"], enabled: hasObject, run: (session, texts) => moveInList(session, texts, 1) },
  unseen: flagCommand("unseen", "unseen"),
  locked: flagCommand("locked", "locked"),
  rename: { text: "rename", keys: ["F2"], enabled: hasObject, run: (_session, _texts, actions) => actions.rename() },
  alignLeft: alignCommand("left", "alignLeft"),
  alignCentre: alignCommand("centre", "alignCentre"),
  alignRight: alignCommand("right", "alignRight"),
  alignTop: alignCommand("top", "alignTop"),
  alignMiddle: alignCommand("middle", "alignMiddle"),
  alignBottom: alignCommand("bottom", "alignBottom"),
  distributeX: distributeCommand("x", "distributeX"),
  distributeY: distributeCommand("y", "distributeY"),
  flipX: flipCommand("horizontal", "flipX"),
  flipY: flipCommand("vertical", "flipY"),
  reverse: {
    text: "reverse", enabled: hasObject,
    run: (session, texts) => session.edit(texts.stepReverse, (document) => reverse(document, { ids: session.state.ids })),
  },
  keepStill: {
    text: "keepStill", enabled: hasObject,
    run: (session, texts) => {
      const { ids, frame } = session.state;
      session.edit(texts.keepStill, (document) => ids.reduce((before, id) => staticAnchor(before, { id, frame }), document), { keys: [] });
    },
  },
  fitView: { text: "fitView", icon: "fit", keys: ["0"], run: (_session, _texts, actions) => actions.fitView() },
  largeView: { text: "largeView", short: "largeView", icon: "large", keys: ["f"], run: (_session, _texts, actions) => actions.toggleLarge() },
  closeLarge: { text: "closeLarge", short: "closeLarge", icon: "small", run: (_session, _texts, actions) => actions.toggleLarge() },
  help: { text: "help", short: "shortHelp", icon: "help", keys: ["?"], run: (_session, _texts, actions) => actions.help() },
  leave: { text: "leave", keys: ["Escape"], run: (_session, _texts, actions) => actions.leave() },
};
