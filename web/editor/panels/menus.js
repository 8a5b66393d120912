/**
 * The menus: motions (presets, camera), what is selected, the document.
 *
 * @import { Beside, CommandContext } from "./toolbar.js"
 * @import { FormField, MenuItem } from "../ui/popup.js"
 * @import { Document } from "../model/types.js"
 *
 * @typedef {CommandContext & {root: () => HTMLElement, files: import("./files.js").Files, connected: () => ((beside: Beside) => void) | undefined}} MenuContext
 */

import { applyCamera, movePaths } from "../edit/operations.js";
import { openForm, openMenu } from "../ui/popup.js";
import { arc, bounce, orbit, shake } from "../edit/presets.js";
import { commandItem } from "./toolbar.js";
import { chooseVideo } from "./video_motion.js";

/**
 * @param {MenuContext} context
 * @param {Beside} beside
 */
export function openMotionMenu(context, beside) {
  const { session, texts, root } = context;
  const none = session.state.ids.length === 0;
  const { frame, document } = session.state;
  const last = document.frames - 1;
  const from = frame < last ? frame : 0;
  /** @type {FormField[]} */
  const time = [
    { name: "from", label: texts.fromFrame, value: from, min: 0, max: last },
    { name: "to", label: texts.toFrame, value: last, min: 0, max: last },
  ];
  /**
   * @param {string} title
   * @param {readonly FormField[]} fields
   * @param {string} step
   * @param {(document: Document, values: Record<string, number>) => Document} change
   */
  const form = (title, fields, step, change) => () =>
    openForm(root(), beside, { title, texts, fields: [...time, ...fields] }, (values) =>
      session.edit(step, (before) => change(before, values)));
  /** @param {(document: Document, id: string) => Document} change */
  const each = (change) => (/** @type {Document} */ before) => session.state.ids.reduce(change, before);

  openMenu(root(), beside, texts.motions, [
    {
      text: texts.arc, disabled: none,
      run: form(texts.arc, [{ name: "height", label: texts.arcHeight, value: 25, min: -400, max: 400 }], texts.stepPreset,
        (before, { from: a, to: b, height }) => each((now, id) => arc(now, { id, from: a, to: b, height: height / 100 }))(before)),
    },
    {
      text: texts.bounce, disabled: none,
      run: form(texts.bounce, [
        { name: "height", label: texts.bounceHeight, value: 30, min: 1, max: 400 },
        { name: "bounces", label: texts.bounces, value: 3, min: 1, max: 32 },
      ], texts.stepPreset, (before, { from: a, to: b, height, bounces }) =>
        each((now, id) => bounce(now, { id, from: a, to: b, height: height / 100, bounces }))(before)),
    },
    {
      text: texts.orbit, disabled: none,
      run: form(texts.orbit, [
        { name: "radius", label: texts.radius, value: 15, min: 1, max: 200 },
        { name: "turns", label: texts.turns, value: 1, min: 1, max: 16 },
      ], texts.stepPreset, (before, { from: a, to: b, radius, turns }) =>
        each((now, id) => orbit(now, { id, from: a, to: b, radius: radius / 100, turns }))(before)),
    },
    {
      text: texts.shake, disabled: none,
      run: form(texts.shake, [
        { name: "amount", label: texts.amount, value: 1, min: 0.1, max: 100, step: 0.1 },
        { name: "times", label: texts.times, value: 12, min: 1, max: 256 },
      ], texts.stepPreset, (before, { from: a, to: b, amount, times }) =>
        each((now, id) => shake(now, { id, from: a, to: b, amount: amount / 100, times }))(before)),
    },
    { text: texts.movePath, disabled: none, run: () => openPathForm(context, beside) },
    ...commandItems(context, ["keepStill", "reverse", "flipX", "flipY"]),
    "-",
    ...[
      { text: texts.camera, ids: undefined, disabled: document.objects.length === 0 },
      { text: texts.cameraSelected, ids: session.state.ids, disabled: none },
    ].map(({ text, ids, disabled }) => ({
      text, disabled,
      run: form(text, [
        { name: "panX", label: texts.panX, value: 10, min: -400, max: 400 },
        { name: "panY", label: texts.panY, value: 0, min: -400, max: 400 },
        { name: "zoom", label: texts.zoom, value: 100, min: 5, max: 2000 },
      ], texts.stepCamera, (before, { from: a, to: b, panX, panY, zoom }) =>
        applyCamera(before, { ids, pan: { x: panX / 100, y: panY / 100 }, zoom: zoom / 100, from: a, to: b, ease: "in-out" })),
    })),
    "-",
    { text: texts.videoMotion, run: () => chooseVideo(context) },
  ]);
}

/**
 * What acts on the selection.
 * @param {MenuContext} context
 * @param {Beside} beside
 */
export function openObjectMenu(context, beside) {
  const { session, root, texts, files } = context;
  const { ids, keys } = session.state;
  const none = ids.length + keys.length === 0;
  openMenu(root(), beside, texts.objectMenu, [
    { text: texts.cut, key: "Ctrl+X", disabled: none, run: files.cut },
    { text: texts.copy, key: "Ctrl+C", disabled: none, run: files.copy },
    ...commandItems(context, ["duplicate", "rename", "remove"]),
    "-",
    ...commandItems(context, ["addKey", "hide"]),
    { text: texts.alignMenu, disabled: ids.length === 0, run: () => openAlignMenu(context, beside) },
    "-",
    ...commandItems(context, ["raise", "lower", "unseen", "locked"]),
  ]);
}

/** @param {MenuContext} context @param {Beside} beside */
function openAlignMenu(context, beside) {
  openMenu(context.root(), beside, context.texts.alignMenu, [
    ...commandItems(context, ["alignLeft", "alignCentre", "alignRight", "alignTop", "alignMiddle", "alignBottom"]),
    "-",
    ...commandItems(context, ["distributeX", "distributeY"]),
  ]);
}

/**
 * What acts on the document, and on the view of it.
 * @param {MenuContext} context
 * @param {Beside} beside
 */
export function openDocumentMenu(context, beside) {
  const { root, texts, files, connected } = context;
  const use = connected();
  openMenu(root(), beside, texts.documentMenu, [
    ...commandItems(context, ["newBox"]),
    { text: texts.paste, key: "Ctrl+V", run: files.paste },
    ...commandItems(context, ["selectAll", "fitView"]),
    { text: texts.ghostOptions, run: () => openGhostForm(context, beside) },
    "-",
    ...(use ? [{ text: texts.useConnected, run: () => use(beside) }] : []),
    { text: texts.importFile, run: files.open },
    { text: texts.exportJson, run: files.saveJson },
    { text: texts.exportCsv, run: files.saveCsv },
  ]);
}

/** @param {MenuContext} context @param {Beside} beside */
function openPathForm({ session, root, texts }, beside) {
  const { document, ids } = session.state;
  const [width, height] = document.size;
  openForm(root(), beside, {
    title: texts.movePath, texts,
    fields: [
      { name: "right", label: texts.pixelsRight, value: 0, min: -4 * width, max: 4 * width },
      { name: "down", label: texts.pixelsDown, value: 0, min: -4 * height, max: 4 * height },
    ],
  }, ({ right, down }) => session.edit(texts.stepMove, (before) => movePaths(before, { ids, dx: right / width, dy: down / height })));
}

/** @param {MenuContext} context @param {Beside} beside */
function openGhostForm({ session, root, texts }, beside) {
  const { ghostCount, ghostStep } = session.state;
  openForm(root(), beside, {
    title: texts.ghosts, texts,
    fields: [
      { name: "count", label: texts.ghostCount, value: ghostCount, min: 1, max: 12 },
      { name: "step", label: texts.ghostStep, value: ghostStep, min: 0, max: 240 },
    ],
  }, ({ count, step }) => {
    session.set({ ghosts: true, ghostCount: count, ghostStep: step });
    return true;
  });
}

/** @param {MenuContext} context @param {readonly string[]} ids @returns {MenuItem[]} */
const commandItems = (context, ids) => ids.map((id) => commandItem(context, id));
