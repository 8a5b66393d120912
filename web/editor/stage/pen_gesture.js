/**
 * The pen: an object's whole path in one stroke.
 *
 * @import { Context, Gesture } from "./gestures.js"
 * @import { Point } from "../model/geometry.js"
 */

import { isFar } from "./gestures.js";
import { toPicture } from "../model/geometry.js";
import { newColor } from "../model/palette.js";
import { nextName } from "../edit/names.js";
import { NEW_SIZE, addDrawn, drawPath, spanOf } from "../edit/pen.js";
import { colorOf } from "./scene.js";
import { fill } from "../texts/texts.js";

/** How far the path may be from the ink, in pixels of the screen and of the clip. */
const [SCREEN, CLIP] = [2, 2];

/**
 * From within a box the stroke is the path of that box, held where it was grabbed; from elsewhere, of the centre of the selected box;
 * with nothing selected, of a new one.
 * @param {Context} context
 * @param {Point} from canvas pixels
 * @param {string | undefined} grabbed the object whose box lies there
 * @returns {Gesture}
 */
export function penGesture(context, from, grabbed) {
  const { stage, session, texts } = context;
  const { ids, locked, keys } = session.state;
  const { document } = session.state;
  const free = ids.filter((id) => !locked.includes(id));
  const id = grabbed ?? (free.length === 1 ? free[0] : undefined);
  const shown = stage.shown().find((item) => item.id === id);
  const place = document.objects.findIndex((object) => object.id === id);
  const color = place < 0 ? newColor(document.objects) : colorOf(document.objects[place], place);
  const start = toPicture(stage.view, from);
  // So that the box does not jump to the pointer that grabs it.
  const offset = grabbed && shown ? { x: shown.box.x - start.x, y: shown.box.y - start.y } : { x: 0, y: 0 };
  const { w, h } = shown?.box ?? NEW_SIZE;
  /** @type {Point[]} */
  const points = [{ x: start.x + offset.x, y: start.y + offset.y }];
  let drawn = false;

  function finish() {
    const tolerance = Math.max((SCREEN * document.size[0]) / stage.view.width, CLIP);
    if (id === undefined) {
      const label = nextName(document.objects, (n) => fill(texts.objectName, n));
      if (!session.edit(texts.stepPen, (before) => addDrawn(before, { points, label, tolerance }), { tool: "draw", keys: [] })) return;
    } else {
      const [first, last] = spanOf(document, id, keys);
      if (!session.edit(texts.stepPen, (before) => drawPath(before, { id, points, first, last, tolerance }), { tool: "draw", keys: [] })) return;
    }
    const object = session.state.document.objects.find((item) => item.id === id) ?? session.state.document.objects.at(-1);
    if (object) session.set({ ids: [object.id], message: fill(texts.saidPen, object.keyframes.length) });
  }

  return {
    move(to) {
      if (!drawn && !isFar(from, to)) return;
      drawn = true;
      const at = toPicture(stage.view, to);
      points.push({ x: at.x + offset.x, y: at.y + offset.y });
      stage.mark({ stroke: { points, color, box: { ...points[points.length - 1], w, h } } });
    },
    end() {
      stage.mark({});
      if (drawn) finish();
      else session.set({ ids: grabbed === undefined ? [] : [grabbed], keys: [] });
    },
    cancel: () => stage.mark({}),
  };
}
