/**
 * The editor's own toolbar.
 *
 * @import { MenuContext } from "./menus.js"
 */

import { openDocumentMenu, openMotionMenu, openObjectMenu } from "./menus.js";
import { createToolbar } from "./toolbar.js";

/** What folds away last, the most important first. What is not named folds before these. */
const KEEP = [
  "largeView", "closeLarge", "toolDraw", "undo", "object", "motion", "toolBox", "redo", "document", "toolPen", "toolThing", "toolBrush",
  "toolRecord", "toolSelect", "cutouts", "map", "result", "ghosts", "snap", "help",
];

/**
 * @param {MenuContext} context
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createTools(context) {
  const { texts } = context;
  return createToolbar(context, texts.editor, [
    "undo", "redo", "|", "toolDraw", "toolBox", "toolThing", "toolBrush", "toolPen", "toolSelect", "toolRecord", "|", "snap", "ghosts", "cutouts", "map", "result", "|",
    { id: "motion", icon: "motion", label: texts.motions, short: texts.shortMotion, open: (beside) => openMotionMenu(context, beside) },
    { id: "object", icon: "object", label: texts.objectMenu, short: texts.shortObject, open: (beside) => openObjectMenu(context, beside) },
    { id: "document", icon: "document", label: texts.documentMenu, short: texts.shortDocument, open: (beside) => openDocumentMenu(context, beside) },
    "<>", "help", "largeView", "closeLarge",
  ], KEEP);
}
