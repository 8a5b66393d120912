/**
 * The stage: a canvas with the picture and the boxes. It draws when something changed, once per animation frame, and not at
 * all while idle. What the pointer does is in gestures.js.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Size } from "../model/crop.js"
 * @import { Point, Rect, View } from "../model/geometry.js"
 * @import { Guide } from "../model/snap.js"
 * @import { Shown } from "./scene.js"
 * @import { Backdrop } from "./behind.js"
 * @import { Brush, Stroke } from "./view_marks.js"
 *
 * @typedef {object} Marks what a gesture shows for its duration
 * @property {readonly Guide[]} [guides]
 * @property {Rect} [marquee]
 * @property {{at: Point, text: string}} [readout]
 * @property {Stroke} [stroke] the pen's
 * @property {Brush} [brush]
 *
 * @typedef {object} Stage
 * @property {HTMLElement} element
 * @property {HTMLCanvasElement} canvas
 * @property {View} view
 * @property {View} fitted
 * @property {(view: View | undefined) => void} setView undefined: the whole picture
 * @property {(marks: Marks) => void} mark
 * @property {(pointerType: string) => void} setReach
 * @property {number} reach
 * @property {() => Shown[]} shown
 * @property {(event: {clientX: number, clientY: number}) => Point} pointOf canvas pixels of a pointer
 * @property {() => void} redraw
 * @property {() => void} layout measure again and draw
 */

import { element } from "../ui/dom.js";
import { fitView, reachOf } from "../model/geometry.js";
import { viewInPicture } from "./margins.js";
import { shownObjects } from "./scene.js";
import { readTheme } from "../ui/theme.js";
import { drawStage } from "./view_draw.js";

/** More would cost time and show no difference. */
const MAX_PIXEL_RATIO = 2;
/** A canvas that cannot be seen is tried again in so many frames: of an element that is taken out and put in within one, no event tells. */
const TRIES = 10;

/**
 * A canvas with as many pixels as the screen shows, drawn at most once per animation frame.
 * @param {HTMLCanvasElement} canvas
 * @param {(ctx: CanvasRenderingContext2D, width: number, height: number) => void} draw sizes in CSS pixels
 * @returns {{redraw: () => void}}
 */
export function createPainter(canvas, draw) {
  let asked = 0;
  let tried = 0;
  const paint = () => {
    asked = 0;
    // Measuring an element out of sight would lay it out. When it comes into sight, the editor redraws.
    // Browsers without checkVisibility lay everything out anyway.
    if (canvas.checkVisibility?.({ contentVisibilityAuto: true }) === false) {
      tried += 1;
      if (tried < TRIES) asked = requestAnimationFrame(paint);
      return;
    }
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width || !height) return;
    const ratio = Math.min(devicePixelRatio || 1, MAX_PIXEL_RATIO);
    const [w, h] = [Math.round(width * ratio), Math.round(height * ratio)];
    // Setting a size clears the canvas, even when it is the same.
    if (canvas.width !== w) canvas.width = w;
    if (canvas.height !== h) canvas.height = h;
    const ctx = canvas.getContext("2d");
    if (!ctx) return;
    ctx.setTransform(w / width, 0, 0, h / height, 0, 0);
    draw(ctx, width, height);
  };
  return {
    redraw() {
      tried = 0;
      asked ||= requestAnimationFrame(paint);
    },
  };
}

/**
 * @param {Session} session
 * @param {(frame: number) => Backdrop} pictureAt
 * @param {() => Size | undefined} marginsOf the picture that is shown whole, with what the clip cuts off it
 * @param {Record<string, string>} labels
 * @returns {Stage}
 */
export function createStage(session, pictureAt, marginsOf, labels) {
  const canvas = element("canvas", { class: "fm-canvas", "aria-hidden": "true" });
  const box = element("div", { class: "fm-stage", role: "group", "aria-label": labels.stage }, canvas);
  /** @type {View | undefined} */
  let chosen;
  /** @type {Marks} */
  let marks = {};
  let reach = reachOf("mouse");

  const fitted = () => {
    const [{ clientWidth: width, clientHeight: height }, { size }, whole] = [canvas, session.shown, marginsOf()];
    return whole ? viewInPicture(width, height, size, whole) : fitView(width, height, size);
  };
  const shown = () => shownObjects(session.shown, session.state.frame, session.state.ids, session.state.unseen);

  const painter = createPainter(canvas, (ctx, width, height) => {
    const { frame, ids, locked, ghosts, ghostCount, ghostStep, playing, tool, aim } = session.state;
    const { drawable: picture, covers, dimmed, preview } = pictureAt(frame);
    const theme = readTheme(box);
    ctx.font = `11px ${theme.font}`;
    drawStage(ctx, {
      width, height, view: stage.view, document: session.shown, frame, shown: shown(), selected: ids, locked, playing,
      ghosts: ghosts ? { count: ghostCount, step: ghostStep } : undefined,
      picture, covers, dimmed, preview, margins: marginsOf() !== undefined, guides: marks.guides ?? [], marquee: marks.marquee, readout: marks.readout,
      stroke: marks.stroke, brush: marks.brush, aim: tool === "thing" || tool === "brush" ? aim : undefined, reach, theme,
    });
  });

  const stage = {
    element: box,
    canvas,
    get view() {
      return chosen ?? fitted();
    },
    get fitted() {
      return fitted();
    },
    get reach() {
      return reach;
    },
    /** @param {View | undefined} view */
    setView(view) {
      chosen = view;
      painter.redraw();
    },
    /** @param {Marks} next */
    mark(next) {
      marks = next;
      painter.redraw();
    },
    /** @param {string} pointerType */
    setReach(pointerType) {
      reach = reachOf(pointerType);
    },
    shown,
    /** @param {{clientX: number, clientY: number}} event */
    pointOf({ clientX, clientY }) {
      // By ratio, because in the classic renderer the graph's zoom scales the editor with CSS.
      const rect = canvas.getBoundingClientRect();
      return {
        x: ((clientX - rect.left) / rect.width) * canvas.clientWidth,
        y: ((clientY - rect.top) / rect.height) * canvas.clientHeight,
      };
    },
    redraw: painter.redraw,
    layout: painter.redraw,
  };
  return stage;
}
