/**
 * What ComfyUI's side panel shows of a trajectory. An element can stand in one place only, the node, and the panel draws other widgets on a
 * canvas of its own: there our picture stands, small, and a click opens the large view.
 *
 * @import { DomWidget } from "./upstream.js"
 *
 * @typedef {object} CardHost
 * @property {(canvas: unknown) => boolean} isGraphs whether a canvas is the graph's own
 * @property {() => HTMLCanvasElement | null} picture the editor's stage, if it is there
 * @property {string} text
 * @property {() => void} open the large view
 */

/** Pixels. */
const GAP = 12;
const LINE = 18;

/**
 * Give a widget its look in the panel.
 * @param {DomWidget} widget
 * @param {CardHost} host
 */
export function showInPanel(widget, host) {
  const inNode = widget.draw;
  widget.draw = (ctx, node, width, y, ...rest) => {
    if (host.isGraphs(ctx.canvas)) {
      inNode?.call(widget, ctx, node, width, y, ...rest);
      return;
    }
    // The panel leaves its own width here, which the classic renderer would take for the editor's in the node.
    widget.width = undefined;
    drawCard(ctx, width, host);
  };
  widget.mouse = ({ type, target }) => {
    if (type === "pointerup" && !host.isGraphs(target)) host.open();
    return false;
  };
}

/** @param {CanvasRenderingContext2D} ctx @param {number} width @param {CardHost} host */
function drawCard(ctx, width, { picture, text }) {
  const shown = picture();
  const room = width - 2 * GAP;
  let top = GAP;
  if (shown?.width) {
    const tall = (room * shown.height) / shown.width;
    ctx.drawImage(shown, GAP, top, room, tall);
    top += tall + GAP;
  }
  const { color, fontFamily } = getComputedStyle(ctx.canvas);
  ctx.fillStyle = color;
  ctx.font = `12px ${fontFamily}`;
  ctx.textBaseline = "top";
  for (const line of linesOf(text, (part) => ctx.measureText(part).width <= room)) {
    ctx.fillText(line, GAP, top);
    top += LINE;
  }
}

/**
 * Break a text after spaces and full stops.
 * @param {string} text
 * @param {(part: string) => boolean} fits
 * @returns {string[]}
 */
export function linesOf(text, fits) {
  /** @type {string[]} */
  const lines = [];
  for (const part of text.split(/(?<=[ \u3002\uff0c])/)) {
    const longer = (lines.at(-1) ?? "") + part;
    if (lines.length && fits(longer.trimEnd())) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines.map((line) => line.trimEnd());
}
