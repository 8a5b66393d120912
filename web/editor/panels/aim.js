/**
 * The tools of masks by keys: a crosshair that arrow keys move, and Enter that uses the tool there; the size of the brush.
 *
 * @import { Session } from "../edit/session.js"
 * @import { ThingFinder } from "../stage/things.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { paintShape } from "../edit/shapes.js";
import { fill } from "../texts/texts.js";

/** Of the brush's radius, in pixels of the clip. */
export const [MIN_BRUSH, MAX_BRUSH] = [1, 256];
/** Pixels of the clip. */
const [STEP, LONG_STEP] = [4, 32];

/** @param {Session} session */
export function usesAim({ state }) {
  return state.tool === "thing" || state.tool === "brush";
}

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {number} dx -1, 0 or 1
 * @param {number} dy
 * @param {boolean} far
 */
export function moveAim(session, texts, dx, dy, far) {
  const { aim = { x: 0.5, y: 0.5 }, document: { size } } = session.state;
  const step = far ? LONG_STEP : STEP;
  const [x, y] = [aim.x + (dx * step) / size[0], aim.y + (dy * step) / size[1]].map((share, axis) =>
    Math.min(Math.max(share, 0), 1 - 0.5 / size[axis]),
  );
  session.set({ aim: { x, y }, message: fill(texts.saidAim, Math.floor(x * size[0]), Math.floor(y * size[1])), alarm: false });
}

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {ThingFinder} things
 * @param {{shiftKey: boolean, altKey: boolean}} keys
 */
export function useAim(session, texts, things, keys) {
  const { aim = { x: 0.5, y: 0.5 }, tool, document: { size } } = session.state;
  if (!session.state.aim) session.set({ aim });
  if (tool === "thing") {
    things.pick(aim, things.howFor(keys), { x: 1 / size[0], y: 1 / size[1] });
    return;
  }
  const { ids, locked, brushSize: radius, brushAdds } = session.state;
  if (!things.atStart()) return;
  if (ids.length !== 1) {
    session.say(texts.maskSelectOne, true);
    return;
  }
  if (locked.includes(ids[0])) {
    session.say(texts.maskLocked, true);
    return;
  }
  const add = keys.shiftKey || brushAdds !== keys.altKey;
  session.edit(add ? texts.stepMaskAdd : texts.stepMaskTake, (document) => paintShape(document, { id: ids[0], points: [aim], radius, add }), {
    message: add ? texts.saidMaskAdded : texts.saidMaskTaken,
  });
}

/** @param {Session} session @param {Texts} texts @param {1 | -1} direction */
export function changeBrush(session, texts, direction) {
  const { brushSize } = session.state;
  const next = direction > 0 ? Math.max(brushSize + 1, Math.round(brushSize * 1.25)) : Math.min(brushSize - 1, Math.round(brushSize / 1.25));
  const size = Math.min(Math.max(next, MIN_BRUSH), MAX_BRUSH);
  session.set({ brushSize: size, message: fill(texts.saidBrush, size), alarm: false });
}
