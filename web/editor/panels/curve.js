/**
 * The curve of a custom speed: two handles to drag, and the same as four numbers.
 *
 * @import { Bezier } from "../model/types.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { element } from "../ui/dom.js";
import { choiceField } from "../ui/fields.js";
import { guardNumber } from "../ui/guard.js";
import { openPopup } from "../ui/popup.js";
import { rangeRule } from "../ui/rules.js";
import { readTheme } from "../ui/theme.js";
import { createPainter } from "../stage/view.js";
import { withoutFling } from "../ui/touch.js";

/** Room for overshooting, where it is allowed: y from -0.5 to 1.5 is shown. */
const ROOM = /** @type {const} */ ([-0.5, 1.5]);
const WIDTH = 180;
const SIDE = 12;
/** Pixels of a whole step of y. */
const STEP = 108;

/**
 * @param {HTMLElement} root
 * @param {{left: number, top: number, bottom: number}} beside
 * @param {Texts} texts
 * @param {Bezier} start
 * @param {(bezier: Bezier) => void} onChange once per finished drag or field
 * @param {object} [options]
 * @param {string} [options.title]
 * @param {readonly [number, number]} [options.limits] of the handles' y
 * @param {readonly (readonly [string, Bezier])[]} [options.presets] names and curves to choose from
 */
export function openCurve(root, beside, texts, start, onChange, { title = texts.curve, limits = [-2, 3], presets = [] } = {}) {
  let now = [...start];
  const [low, high] = [Math.max(ROOM[0], limits[0]), Math.min(ROOM[1], limits[1])];
  const tall = 2 * SIDE + (high - low) * STEP;
  const canvas = element("canvas", { class: "fm-curve", style: `width:${WIDTH}px;height:${tall}px`, "aria-hidden": "true" });
  const inputs = [0, 1, 2, 3].map((index) => {
    const label = `${index < 2 ? texts.curveFirst : texts.curveSecond}, ${index % 2 ? "y" : "x"}`;
    const [min, max] = index % 2 ? limits : [0, 1];
    const input = element("input", { type: "number", min, max, step: 0.05, "aria-label": label, title: label });
    /** @param {number | undefined} value */
    const put = (value) => {
      if (value !== undefined) now[index] = value;
      finish();
    };
    const guard = guardNumber(input, rangeRule(texts, () => ({ low: min, high: max })), put);
    input.addEventListener("change", () => {
      const value = guard.read();
      if (!guard.refuses) put(value);
    });
    return input;
  });
  const choice = choiceField(texts.easeShort, [...presets.map(([text], index) => /** @type {const} */ ([String(index), text])), ["", texts.easeCustom]], (value) => {
    if (value === "") return;
    now = [...presets[Number(value)][1]];
    finish();
  });
  choice.hidden = presets.length === 0;
  const content = element("div", { class: "fm-curve-box", role: "dialog", "aria-label": title },
    element("strong", {}, title), choice, canvas, element("div", { class: "fm-curve-fields" }, ...inputs));
  content.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") event.stopPropagation();
  });

  /** @param {number} x @param {number} y */
  const place = (x, y) => ({ x: SIDE + x * (WIDTH - 2 * SIDE), y: SIDE + (high - y) * STEP });

  const painter = createPainter(canvas, (ctx, width, height) => {
    const theme = readTheme(canvas);
    ctx.clearRect(0, 0, width, height);
    const [a, d] = [place(0, 0), place(1, 1)];
    ctx.strokeStyle = theme.line;
    ctx.strokeRect(a.x, d.y, d.x - a.x, a.y - d.y);
    const [b, c] = [place(now[0], now[1]), place(now[2], now[3])];
    ctx.strokeStyle = theme.muted;
    ctx.beginPath();
    ctx.moveTo(a.x, a.y);
    ctx.lineTo(b.x, b.y);
    ctx.moveTo(d.x, d.y);
    ctx.lineTo(c.x, c.y);
    ctx.stroke();
    ctx.strokeStyle = theme.accent;
    ctx.lineWidth = 2;
    ctx.beginPath();
    ctx.moveTo(a.x, a.y);
    ctx.bezierCurveTo(b.x, b.y, c.x, c.y, d.x, d.y);
    ctx.stroke();
    ctx.fillStyle = theme.text;
    for (const point of [b, c]) {
      ctx.beginPath();
      ctx.arc(point.x, point.y, 5, 0, 2 * Math.PI);
      ctx.fill();
    }
  });

  function show() {
    inputs.forEach((input, index) => {
      input.value = String(Number(now[index].toFixed(3)));
    });
    const known = presets.findIndex(([, bezier]) => String(bezier) === String(now));
    choice.value = known < 0 ? "" : String(known);
    painter.redraw();
  }

  function finish() {
    show();
    onChange(/** @type {Bezier} */ (/** @type {unknown} */ ([...now])));
  }

  withoutFling(canvas);
  canvas.addEventListener("pointerdown", (event) => {
    if (event.isTrusted) canvas.setPointerCapture(event.pointerId);
    const listening = new AbortController();
    const { signal } = listening;
    const at = pointOf(event);
    const away = [0, 2].map((index) => Math.hypot(place(now[index], now[index + 1]).x - at.x, place(now[index], now[index + 1]).y - at.y));
    const first = away[0] <= away[1] ? 0 : 2;
    const before = [...now];
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      const { x, y } = pointOf(moved);
      now[first] = round(Math.min(Math.max((x - SIDE) / (WIDTH - 2 * SIDE), 0), 1));
      now[first + 1] = round(Math.min(Math.max(high - (y - SIDE) / STEP, limits[0]), limits[1]));
      show();
    };
    canvas.addEventListener("pointermove", move, { signal });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, () => {
        listening.abort();
        if (name === "pointercancel") now = before;
        finish();
      }, { signal });
    }
    move(event);
  });

  /** @param {MouseEvent} event */
  function pointOf({ clientX, clientY }) {
    const rect = canvas.getBoundingClientRect();
    return { x: clientX - rect.left, y: clientY - rect.top };
  }

  openPopup(root, beside, content);
  show();
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}
