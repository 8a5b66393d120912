/**
 * What the pointer does with the tools for shapes in frame 0: a click finds a thing, the brush adds to a mask or takes from it.
 *
 * @import { Context, Gesture } from "./gestures.js"
 * @import { Point } from "../model/geometry.js"
 * @import { ThingFinder } from "./things.js"
 */

import { paintShape } from "../edit/shapes.js";
import { toPicture } from "../model/geometry.js";

/** A click so near to the last one means the same place, in pixels of the screen. */
const SAME_PLACE = 8;

/**
 * A click on a thing.
 * @param {Context & {things: ThingFinder}} context
 * @param {Point} from canvas pixels
 * @param {{readonly shiftKey: boolean, readonly altKey: boolean}} event
 * @returns {Gesture}
 */
export function thingGesture({ stage, things }, from, event) {
  const { view } = stage;
  return {
    move() {},
    end: () => things.pick(toPicture(view, from), things.howFor(event), { x: SAME_PLACE / view.width, y: SAME_PLACE / view.height }),
    cancel() {},
  };
}

/**
 * A stroke of the brush. Alt turns it around.
 * @param {Context & {things: ThingFinder}} context
 * @param {Point} from canvas pixels
 * @param {string | undefined} under the object whose box lies there
 * @param {{readonly altKey: boolean}} event
 * @returns {Gesture}
 */
export function brushGesture({ stage, session, texts, things }, from, under, { altKey }) {
  const none = { move() {}, end() {}, cancel() {} };
  if (!things.atStart()) return none;
  const { ids, locked, document, brushSize: radius } = session.state;
  const free = ids.filter((id) => !locked.includes(id));
  const id = free.length === 1 ? free[0] : under;
  if (id === undefined) {
    session.say(ids.length === 1 ? texts.maskLocked : texts.maskSelectOne, true);
    return none;
  }
  const add = session.state.brushAdds !== altKey;
  const reach = radius / 4;
  /** @type {Point[]} */
  const points = [];
  let painted = document;
  session.set({ ids: [id], keys: [] });

  /** @param {Point} to canvas pixels */
  function put(to) {
    const at = toPicture(stage.view, to);
    const before = points[points.length - 1];
    stage.mark({ brush: { at: to, radius, add } });
    const [width, height] = document.size;
    if (before && Math.hypot((at.x - before.x) * width, (at.y - before.y) * height) < reach) return;
    points.push(at);
    // Only what is new is painted while the pointer moves.
    session.draft(() => {
      painted = paintShape(painted, { id: /** @type {string} */ (id), points: before ? [before, at] : [at], radius, add });
      return painted;
    });
  }

  put(from);
  return {
    move: put,
    end() {
      session.cancel();
      session.edit(add ? texts.stepMaskAdd : texts.stepMaskTake, (now) => paintShape(now, { id, points, radius, add }), {
        message: add ? texts.saidMaskAdded : texts.saidMaskTaken,
      });
    },
    cancel() {
      session.cancel();
    },
  };
}
