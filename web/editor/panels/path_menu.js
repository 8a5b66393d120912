/**
 * The menu of what was right-clicked on the stage: of a diamond or another point of a path, or of objects.
 *
 * @import { KeyTarget, PathTarget, Target } from "../stage/targets.js"
 * @import { MenuContext } from "./menus.js"
 * @import { Beside } from "./toolbar.js"
 * @import { MenuItem } from "../ui/popup.js"
 */

import { goToFrame } from "./actions.js";
import { openDocumentMenu, openObjectMenu } from "./menus.js";
import { addPoint, pauseAt, removePoint, roomForPause, stillAt } from "../stage/points.js";
import { openMenu } from "../ui/popup.js";
import { fill } from "../texts/texts.js";

/**
 * @param {MenuContext} context
 * @param {{clientX: number, clientY: number}} event
 * @param {Target} target
 */
export function openStageMenu(context, { clientX, clientY }, target) {
  const beside = { left: clientX, top: clientY, bottom: clientY };
  if (target.kind === "key" || target.kind === "path") openPathMenu(context, beside, target);
  else if (target.id !== undefined) openObjectMenu(context, beside);
  else openDocumentMenu(context, beside);
}

/**
 * @param {MenuContext} context
 * @param {Beside} beside
 * @param {KeyTarget | PathTarget} target
 */
function openPathMenu(context, beside, { kind, id, frame }) {
  const { session, texts, root } = context;
  const { document } = session.state;
  const point = { id, frame };
  const alone = document.objects.find((object) => object.id === id)?.keyframes.length === 1;
  /** @type {MenuItem[]} */
  const own = kind === "path"
    ? [{ text: texts.addPointHere, run: () => addPoint(session, texts, point) }]
    : [
        { text: texts.removePoint, disabled: alone, run: () => removePoint(session, texts, point) },
        { text: texts.pauseHere, disabled: roomForPause(document, point) === 0, run: () => pauseAt(session, texts, point) },
      ];
  openMenu(root(), beside, fill(kind === "path" ? texts.pathAt : texts.keyAt, frame), [
    ...own,
    { text: texts.stillHere, run: () => stillAt(session, texts, point) },
    { text: fill(texts.goToFrame, frame), run: () => goToFrame(session, frame) },
    "-",
    { text: texts.moreActions, run: () => openObjectMenu(context, beside) },
  ]);
}
