/**
 * Drawing the timeline: the ruler, and a row of keyframes and hidden intervals per object. Only draws.
 *
 * @import { Document, DocumentObject, KeyRef } from "../model/types.js"
 * @import { Rect } from "../model/geometry.js"
 * @import { Span } from "../ui/timescale.js"
 * @import { Theme } from "../ui/theme.js"
 *
 * @typedef {object} TimelineScene
 * @property {number} width CSS pixels
 * @property {number} height
 * @property {Span} span
 * @property {Document} document
 * @property {number} frame
 * @property {readonly string[]} ids selected objects
 * @property {readonly KeyRef[]} keys selected keyframes
 * @property {Rect | undefined} marquee
 * @property {Theme} theme
 */

import { sameBox } from "../edit/edit.js";
import { colorOf } from "../stage/scene.js";
import { faded } from "../ui/theme.js";
import { rowHeight } from "../ui/touch.js";
import { pixelsPerFrame, ticks, xOfFrame } from "../ui/timescale.js";
import { diamond, drawMarquee } from "../stage/view_marks.js";

/** @param {CanvasRenderingContext2D} ctx @param {TimelineScene} scene */
export function drawRuler(ctx, { width, height, span, frame, theme }) {
  ctx.clearRect(0, 0, width, height);
  ctx.textBaseline = "middle";
  ctx.textAlign = "center";
  const { frames, step } = ticks(span, width);
  ctx.fillStyle = theme.muted;
  for (const at of frames) {
    const x = xOfFrame(span, width, at);
    ctx.fillRect(x - 0.5, height - 5, 1, 5);
    ctx.fillText(String(at), Math.min(Math.max(x, 10), width - 10), 9);
  }
  if (pixelsPerFrame(span, width) * (step / 5) >= 3 && step >= 5) {
    ctx.globalAlpha = 0.5;
    for (let f = Math.ceil(span.first); f <= span.last; f += 1) {
      if (f % (step / 5) === 0) ctx.fillRect(xOfFrame(span, width, f) - 0.5, height - 3, 1, 3);
    }
    ctx.globalAlpha = 1;
  }
  const x = xOfFrame(span, width, frame);
  ctx.fillStyle = theme.accent;
  ctx.beginPath();
  ctx.moveTo(x - 5.5, height - 9);
  ctx.lineTo(x + 5.5, height - 9);
  ctx.lineTo(x + 5.5, height - 5);
  ctx.lineTo(x, height);
  ctx.lineTo(x - 5.5, height - 5);
  ctx.closePath();
  ctx.fill();
}

/** @param {CanvasRenderingContext2D} ctx @param {TimelineScene} scene */
export function drawTracks(ctx, scene) {
  const { width, height, span, document, frame, ids, theme } = scene;
  const rise = rowHeight();
  ctx.clearRect(0, 0, width, height);
  document.objects.forEach((object, row) => {
    if (ids.includes(object.id)) {
      ctx.fillStyle = faded("#808080", 0.22);
      ctx.fillRect(0, row * rise, width, rise);
    }
    drawRow(ctx, scene, object, row);
    ctx.fillStyle = faded("#808080", 0.18);
    ctx.fillRect(0, (row + 1) * rise - 1, width, 1);
  });
  ctx.fillStyle = theme.accent;
  ctx.fillRect(xOfFrame(span, width, frame) - 0.5, 0, 1, height);
  if (scene.marquee) drawMarquee(ctx, scene.marquee);
}

/** @param {CanvasRenderingContext2D} ctx @param {TimelineScene} scene @param {DocumentObject} object @param {number} row */
function drawRow(ctx, { width, span, frame, keys, theme }, object, row) {
  const color = colorOf(object, row);
  const rise = rowHeight();
  const middle = (row + 0.5) * rise;
  const half = pixelsPerFrame(span, width) / 2;
  ctx.fillStyle = faded(color, 0.5);
  object.keyframes.slice(1).forEach((key, index) => {
    const before = object.keyframes[index];
    // A thin line where the box stands still, so that a pause is visible at a glance.
    const thick = before.ease === "hold" || sameBox(before, key) ? 1 : 5;
    const [from, to] = [xOfFrame(span, width, before.frame), xOfFrame(span, width, key.frame)];
    ctx.fillRect(from, middle - thick / 2, to - from, thick);
  });
  for (const [from, to] of object.hidden) {
    drawHidden(ctx, xOfFrame(span, width, from) - half, xOfFrame(span, width, to) + half, row * rise + 4, rise - 9, theme);
  }
  for (const key of object.keyframes) {
    const x = xOfFrame(span, width, key.frame);
    if (x < -8 || x > width + 8) continue;
    const chosen = keys.some((ref) => ref.id === object.id && ref.frame === key.frame);
    const fill = chosen ? "#ffffff" : color;
    const rim = chosen ? theme.accent : "rgba(0, 0, 0, 0.55)";
    diamond(ctx, x, middle, key.frame === frame ? 7 : 6, fill, rim);
    if (key.ease === "hold") {
      ctx.fillStyle = rim;
      ctx.fillRect(x - 1.5, middle - 1.5, 3, 3);
    }
  }
}

/**
 * Hatched: the object is hidden but keeps moving.
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} left
 * @param {number} right
 * @param {number} top
 * @param {number} height
 * @param {Theme} theme
 */
function drawHidden(ctx, left, right, top, height, theme) {
  ctx.save();
  ctx.beginPath();
  ctx.roundRect(left, top, Math.max(right - left, 2), height, 3);
  ctx.clip();
  ctx.fillStyle = theme.stage;
  ctx.globalAlpha = 0.75;
  ctx.fillRect(left, top, right - left, height);
  ctx.globalAlpha = 0.55;
  ctx.strokeStyle = theme.muted;
  ctx.lineWidth = 1;
  ctx.beginPath();
  for (let x = left - height; x < right; x += 6) {
    ctx.moveTo(x, top + height);
    ctx.lineTo(x + height, top);
  }
  ctx.stroke();
  ctx.restore();
}
