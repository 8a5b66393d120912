/**
 * Small things drawn on canvases: names, keyframe signs, guides, the marquee, the pen's stroke, the read-out.
 *
 * @typedef {{at: Point, radius: number, add: boolean}} Brush at: canvas pixels; radius: pixels of the clip; whether it adds to the mask
 *
 * @typedef {object} Stroke of the pen
 * @property {readonly Point[]} points where the box's centre goes, fractions of the picture
 * @property {Box} box at the pen
 * @property {string} color "#rrggbb"
 *
 * @import { Box } from "../model/types.js"
 * @import { Point, Rect, View } from "../model/geometry.js"
 * @import { Guide } from "../model/snap.js"
 */

import { rectOf, toCanvas } from "../model/geometry.js";
import { GUIDE, faded, readableOn } from "../ui/theme.js";

/**
 * An object's name on its colour, above a box; shortened to its room.
 * @param {CanvasRenderingContext2D} ctx
 * @param {string} name
 * @param {string} color
 * @param {number} left
 * @param {number} top
 * @param {number} room
 */
export function drawName(ctx, name, color, left, top, room) {
  ctx.textBaseline = "middle";
  let text = name;
  while (text.length > 1 && ctx.measureText(text).width > room - 10) text = text.length > 2 ? `${text.slice(0, -2)}\u2026` : "";
  if (!text) return;
  const w = ctx.measureText(text).width + 10;
  ctx.fillStyle = color;
  ctx.beginPath();
  ctx.roundRect(left - 1, top - 19, w, 17, 4);
  ctx.fill();
  ctx.fillStyle = readableOn(color);
  ctx.fillText(text, left + 4, top - 10);
}

/**
 * A keyframe's sign, with a dark rim.
 * @param {CanvasRenderingContext2D} ctx
 * @param {number} x
 * @param {number} y
 * @param {number} radius
 * @param {string} fill
 * @param {string} [rim]
 */
export function diamond(ctx, x, y, radius, fill, rim = "rgba(0, 0, 0, 0.6)") {
  ctx.beginPath();
  ctx.moveTo(x, y - radius);
  ctx.lineTo(x + radius, y);
  ctx.lineTo(x, y + radius);
  ctx.lineTo(x - radius, y);
  ctx.closePath();
  ctx.fillStyle = fill;
  ctx.fill();
  ctx.lineWidth = 1;
  ctx.strokeStyle = rim;
  ctx.stroke();
}

/** @param {CanvasRenderingContext2D} ctx @param {View} view @param {Guide} guide */
export function drawGuide(ctx, view, { axis, at, from, to }) {
  ctx.strokeStyle = GUIDE;
  ctx.lineWidth = 1;
  ctx.beginPath();
  if (axis === "x") {
    ctx.moveTo(view.left + at * view.width, view.top + from * view.height);
    ctx.lineTo(view.left + at * view.width, view.top + to * view.height);
  } else {
    ctx.moveTo(view.left + from * view.width, view.top + at * view.height);
    ctx.lineTo(view.left + to * view.width, view.top + at * view.height);
  }
  ctx.stroke();
}

/** @param {CanvasRenderingContext2D} ctx @param {Rect} rect */
export function drawMarquee(ctx, { left, top, right, bottom }) {
  ctx.fillStyle = faded(GUIDE, 0.1);
  ctx.fillRect(left, top, right - left, bottom - top);
  ctx.strokeStyle = GUIDE;
  ctx.lineWidth = 1;
  ctx.strokeRect(left + 0.5, top + 0.5, right - left - 1, bottom - top - 1);
}

/**
 * A few words beside the pointer, kept on the canvas.
 * @param {CanvasRenderingContext2D} ctx
 * @param {{width: number, height: number}} size of the canvas, CSS pixels
 * @param {{at: Point, text: string}} readout
 */
export function drawReadout(ctx, { width, height }, { at, text }) {
  ctx.textBaseline = "middle";
  const w = ctx.measureText(text).width + 12;
  const x = at.x + 16 + w > width ? at.x - 12 - w : at.x + 16;
  const y = at.y + 34 > height ? at.y - 30 : at.y + 14;
  ctx.fillStyle = "rgba(0, 0, 0, 0.75)";
  ctx.beginPath();
  ctx.roundRect(Math.max(x, 2), y, w, 20, 4);
  ctx.fill();
  ctx.fillStyle = "#ffffff";
  ctx.fillText(text, Math.max(x, 2) + 6, y + 10.5);
}

/**
 * Stroke the current path in a colour, on a dark rim, so that it shows on every picture.
 * @param {CanvasRenderingContext2D} ctx
 * @param {string} color
 * @param {number} width CSS pixels
 */
export function rimmed(ctx, color, width) {
  for (const [wide, style] of /** @type {const} */ ([[width + 1.75, "rgba(0, 0, 0, 0.45)"], [width, color]])) {
    ctx.lineWidth = wide;
    ctx.strokeStyle = style;
    ctx.stroke();
  }
}

/** @param {CanvasRenderingContext2D} ctx @param {View} view @param {readonly [number, number]} size of the clip @param {Brush} brush */
export function drawBrush(ctx, view, size, { at, radius, add }) {
  const [x, y] = [(radius * view.width) / size[0], (radius * view.height) / size[1]];
  ctx.beginPath();
  ctx.ellipse(at.x, at.y, Math.max(x, 1), Math.max(y, 1), 0, 0, 2 * Math.PI);
  rimmed(ctx, "#ffffff", 1.25);
  ctx.beginPath();
  ctx.moveTo(at.x - 4, at.y);
  ctx.lineTo(at.x + 4, at.y);
  if (add) {
    ctx.moveTo(at.x, at.y - 4);
    ctx.lineTo(at.x, at.y + 4);
  }
  rimmed(ctx, "#ffffff", 1.25);
}

/** Where the keyboard aims. @param {CanvasRenderingContext2D} ctx @param {View} view @param {Point} aim fractions of the frame */
export function drawAim(ctx, view, aim) {
  const { x, y } = toCanvas(view, aim);
  ctx.beginPath();
  for (const [dx, dy] of /** @type {const} */ ([[1, 0], [-1, 0], [0, 1], [0, -1]])) {
    ctx.moveTo(x + dx * 4, y + dy * 4);
    ctx.lineTo(x + dx * 12, y + dy * 12);
  }
  rimmed(ctx, GUIDE, 1.5);
}

/** @param {CanvasRenderingContext2D} ctx @param {View} view @param {Stroke} stroke */
export function drawStroke(ctx, view, { points, box, color }) {
  ctx.lineJoin = "round";
  ctx.beginPath();
  for (const point of points) {
    const at = toCanvas(view, point);
    ctx.lineTo(at.x, at.y);
  }
  rimmed(ctx, color, 2.5);
  const { left, top, right, bottom } = rectOf(view, box);
  ctx.beginPath();
  ctx.rect(left, top, right - left, bottom - top);
  rimmed(ctx, color, 1.5);
}
