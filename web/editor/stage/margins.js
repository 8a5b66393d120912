/**
 * What the clip cuts off the picture, shaded around the frame.
 *
 * @import { View } from "../model/geometry.js"
 * @import { Crop, Size } from "../model/crop.js"
 * @import { Theme } from "../ui/theme.js"
 * @import { Drawable } from "./view_draw.js"
 */

import { cropOf } from "../model/crop.js";
import { fitView } from "../model/geometry.js";

const HATCH = 9;

/**
 * The clip's place on a stage that shows the whole picture.
 * @param {number} width of the stage, CSS pixels
 * @param {number} height
 * @param {Size} size of the clip
 * @param {Size} picture
 * @returns {View}
 */
export function viewInPicture(width, height, size, picture) {
  const crop = cropOf(picture, size);
  if (!crop) return fitView(width, height, size);
  const whole = fitView(width, height, [(picture[0] / crop.width) * size[0], (picture[1] / crop.height) * size[1]]);
  const [across, down] = [whole.width / picture[0], whole.height / picture[1]];
  return { left: whole.left + crop.x * across, top: whole.top + crop.y * down, width: crop.width * across, height: crop.height * down };
}

/**
 * @param {CanvasRenderingContext2D} ctx
 * @param {View} view the clip's
 * @param {Drawable} picture
 * @param {Crop} crop what the clip shows of it
 * @param {Theme} theme
 */
export function drawMargins(ctx, view, picture, crop, theme) {
  const [across, down] = [view.width / crop.width, view.height / crop.height];
  const [left, top, w, h] = [view.left - crop.x * across, view.top - crop.y * down, picture.width * across, picture.height * down];
  ctx.save();
  ctx.drawImage(picture.source, left, top, w, h);
  ctx.beginPath();
  ctx.rect(left, top, w, h);
  ctx.rect(view.left, view.top, view.width, view.height);
  ctx.clip("evenodd");
  ctx.globalAlpha = 0.6;
  ctx.fillStyle = theme.stage;
  ctx.fillRect(left, top, w, h);
  ctx.globalAlpha = 0.35;
  ctx.strokeStyle = "#000000";
  ctx.lineWidth = 1.5;
  ctx.beginPath();
  for (let x = left - h; x < left + w; x += HATCH) {
    ctx.moveTo(x, top + h);
    ctx.lineTo(x + h, top);
  }
  ctx.stroke();
  ctx.restore();
}
