/**
 * Drawing the stage on a canvas: the picture, paths, ghosts, boxes, handles, guides and the read-out. Only draws.
 *
 * @import { Document } from "../model/types.js"
 * @import { Point, Rect, View } from "../model/geometry.js"
 * @import { Guide } from "../model/snap.js"
 * @import { Ghosts, Shown } from "./scene.js"
 * @import { Preview } from "./cutout_picture.js"
 * @import { Brush, Stroke } from "./view_marks.js"
 * @import { Theme } from "../ui/theme.js"
 *
 * @typedef {{readonly source: CanvasImageSource, readonly width: number, readonly height: number}} Drawable
 *
 * @typedef {object} Scene
 * @property {number} width of the canvas, CSS pixels
 * @property {number} height
 * @property {View} view
 * @property {Document} document
 * @property {number} frame
 * @property {readonly Shown[]} shown
 * @property {readonly string[]} selected ids
 * @property {readonly string[]} locked ids
 * @property {Ghosts | undefined} ghosts undefined: none
 * @property {boolean} playing
 * @property {Drawable | undefined} picture
 * @property {boolean} covers whether the picture already has the frame's shape (the control map)
 * @property {boolean} margins whether to show what the clip cuts off the picture
 * @property {boolean} dimmed whether the picture is not the one that the node gets
 * @property {Preview | undefined} preview the cut-outs over the picture
 * @property {readonly Guide[]} guides
 * @property {Rect | undefined} marquee canvas pixels
 * @property {{at: Point, text: string} | undefined} readout
 * @property {Stroke | undefined} stroke of the pen
 * @property {Brush | undefined} brush
 * @property {Point | undefined} aim of the keyboard, fractions of the frame
 * @property {number} reach of the pointer last seen, for the handles
 * @property {Theme} theme
 */

import { cropOf } from "../model/crop.js";
import { contains, handlePoint, handlesOf, rectOf, toCanvas } from "../model/geometry.js";
import { drawMargins } from "./margins.js";
import { maskPicture } from "./mask_picture.js";
import { bendsOf, centresOf, ghostFrames } from "./scene.js";
import { boxAt } from "../model/sample.js";
import { diamond, drawAim, drawBrush, drawGuide, drawMarquee, drawName, drawReadout, drawStroke, rimmed } from "./view_marks.js";
import { faded } from "../ui/theme.js";

/**
 * @param {CanvasRenderingContext2D} ctx scaled so that 1 is a CSS pixel
 * @param {Scene} scene
 */
export function drawStage(ctx, scene) {
  const { width, height, view, theme } = scene;
  ctx.fillStyle = theme.stage;
  ctx.fillRect(0, 0, width, height);
  drawPicture(ctx, scene);
  ctx.strokeStyle = theme.line;
  ctx.lineWidth = 1;
  ctx.strokeRect(view.left - 0.5, view.top - 0.5, view.width + 1, view.height + 1);
  const chosen = scene.shown.filter(({ id }) => scene.selected.includes(id));
  // The control map is shown as the model sees it, with only what the pointer needs on top.
  if (!scene.covers) drawObjects(ctx, scene, chosen);
  if (!scene.playing && chosen.length === 1 && !scene.locked.includes(chosen[0].id)) drawHandles(ctx, scene, chosen[0]);
  for (const guide of scene.guides) drawGuide(ctx, view, guide);
  if (scene.stroke) drawStroke(ctx, view, scene.stroke);
  if (scene.aim) drawAim(ctx, view, scene.aim);
  if (scene.brush) drawBrush(ctx, view, scene.document.size, scene.brush);
  if (scene.marquee) drawMarquee(ctx, scene.marquee);
  if (scene.readout) drawReadout(ctx, scene, scene.readout);
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {readonly Shown[]} chosen */
function drawObjects(ctx, scene, chosen) {
  for (const item of scene.shown) drawPath(ctx, scene, item, chosen.includes(item));
  if (scene.ghosts && !scene.playing) for (const item of chosen) drawGhosts(ctx, scene, item);
  for (const item of scene.shown) drawBox(ctx, scene, item, chosen.includes(item));
  if (!scene.playing) for (const item of chosen) drawKeyframes(ctx, scene, item);
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene */
function drawPicture(ctx, { view, picture, covers, margins, dimmed, preview, document, theme }) {
  const crop = picture && !covers ? cropOf([picture.width, picture.height], document.size) : undefined;
  if (picture && crop && margins) drawMargins(ctx, view, picture, crop, theme);
  ctx.save();
  ctx.beginPath();
  ctx.rect(view.left, view.top, view.width, view.height);
  ctx.clip();
  if (picture) {
    const { x, y, width, height } = crop ?? { x: 0, y: 0, width: picture.width, height: picture.height };
    ctx.imageSmoothingEnabled = !covers;
    ctx.drawImage(picture.source, x, y, width, height, view.left, view.top, view.width, view.height);
    preview?.draw(ctx, view);
    if (dimmed) dim(ctx, view, theme);
  } else {
    ctx.fillStyle = theme.surface;
    ctx.fillRect(view.left, view.top, view.width, view.height);
    ctx.strokeStyle = theme.line;
    ctx.globalAlpha = 0.5;
    ctx.beginPath();
    for (const third of [1 / 3, 2 / 3]) {
      ctx.moveTo(view.left + view.width * third, view.top);
      ctx.lineTo(view.left + view.width * third, view.top + view.height);
      ctx.moveTo(view.left, view.top + view.height * third);
      ctx.lineTo(view.left + view.width, view.top + view.height * third);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/** Grey and dark, so that nobody takes it for the picture of the clip. @param {CanvasRenderingContext2D} ctx @param {View} view @param {Theme} theme */
function dim(ctx, view, theme) {
  for (const [mode, color, alpha] of /** @type {const} */ ([["saturation", "#808080", 0.75], ["source-over", theme.stage, 0.55]])) {
    ctx.globalCompositeOperation = mode;
    ctx.globalAlpha = alpha;
    ctx.fillStyle = color;
    ctx.fillRect(view.left, view.top, view.width, view.height);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {Shown} item @param {boolean} chosen */
function drawPath(ctx, { view, document, playing }, { object, color }, chosen) {
  if (object.keyframes.length < 2) return;
  const points = centresOf(object, document.frames);
  const [first, last] = [object.keyframes[0].frame, object.keyframes[object.keyframes.length - 1].frame];
  ctx.lineJoin = "round";
  ctx.beginPath();
  for (const f of bendsOf(points, first, last)) {
    ctx.lineTo(view.left + points[2 * f] * view.width, view.top + points[2 * f + 1] * view.height);
  }
  rimmed(ctx, color, chosen ? 2.5 : 2);
  if (!chosen || playing) return;
  // A dot per frame: close together where the motion is slow.
  ctx.fillStyle = "#ffffff";
  for (let f = first; f <= last; f += 1) {
    ctx.fillRect(view.left + points[2 * f] * view.width - 0.75, view.top + points[2 * f + 1] * view.height - 0.75, 1.5, 1.5);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {Shown} item */
function drawGhosts(ctx, { view, document, frame, ghosts }, { object, color }) {
  if (!ghosts || object.keyframes.length < 2) return;
  ctx.lineWidth = 1;
  for (const ghost of ghostFrames(frame, document.frames, ghosts)) {
    const { left, top, right, bottom } = rectOf(view, boxAt(object, ghost.frame));
    ctx.strokeStyle = faded(color, ghost.strength * 0.6);
    ctx.strokeRect(left, top, right - left, bottom - top);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {Shown} item @param {boolean} chosen */
function drawBox(ctx, { view, playing, preview, frame }, { id, object, box, color, name, hidden }, chosen) {
  const { left, top, right, bottom } = rectOf(view, box);
  const [w, h] = [right - left, bottom - top];
  ctx.save();
  if (hidden) {
    ctx.setLineDash([5, 4]);
    ctx.globalAlpha = 0.7;
  } else if (object.shape && frame === 0 && !playing) {
    ctx.imageSmoothingEnabled = w < object.shape.columns;
    ctx.drawImage(maskPicture(object.shape, color), left, top, w, h);
  } else if (!preview?.cut.has(id)) {
    ctx.fillStyle = faded(color, chosen ? 0.16 : 0.08);
    ctx.fillRect(left, top, w, h);
  }
  // The eye follows the moving cut-outs, not the boxes.
  const faint = playing && !hidden && preview?.cut.has(id);
  ctx.beginPath();
  ctx.rect(left, top, w, h);
  if (faint) {
    ctx.lineWidth = 1;
    ctx.strokeStyle = faded(color, 0.5);
    ctx.stroke();
  } else rimmed(ctx, color, chosen ? 2.25 : 1.5);
  ctx.restore();
  if (!playing) drawName(ctx, name, color, left, top, Math.max(w, 60));
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {Shown} item */
function drawKeyframes(ctx, { view, frame }, { object, color, box }) {
  if (object.keyframes.length < 2) return;
  const rect = rectOf(view, box);
  for (const key of object.keyframes) {
    const at = toCanvas(view, key);
    const here = key.frame === frame;
    // Those inside the box are out of reach, see targets.js.
    diamond(ctx, at.x, at.y, here ? 6 : contains(rect, at) ? 3 : 5, here ? "#ffffff" : color);
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {Scene} scene @param {Shown} item */
function drawHandles(ctx, { view, reach }, { box, color }) {
  const rect = rectOf(view, box);
  const side = reach > 20 ? 12 : 8;
  for (const handle of handlesOf(rect, reach)) {
    const { x, y } = handlePoint(rect, handle);
    ctx.fillStyle = "#ffffff";
    ctx.strokeStyle = color;
    ctx.lineWidth = 1.5;
    ctx.beginPath();
    ctx.roundRect(x - side / 2, y - side / 2, side, side, 2);
    ctx.fill();
    ctx.stroke();
  }
}
