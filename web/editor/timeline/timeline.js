/**
 * The timeline: a ruler to scrub and a row of keyframes per object. What drags do is in timeline_input.js.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Rect } from "../model/geometry.js"
 * @import { Span } from "../ui/timescale.js"
 * @import { Texts } from "../texts/texts.js"
 * @import { TimelineActions } from "./timeline_input.js"
 *
 * @typedef {object} Timeline
 * @property {HTMLCanvasElement} ruler
 * @property {HTMLCanvasElement} tracks
 * @property {Span} span
 * @property {(span: Span | undefined) => void} setSpan undefined: the whole clip
 * @property {(marquee: Rect | undefined) => void} mark
 * @property {(factor: number) => void} zoom about the frame shown
 * @property {() => void} redraw
 */

import { element, setAttribute } from "../ui/dom.js";
import { fill } from "../texts/texts.js";
import { readTheme } from "../ui/theme.js";
import { drawRuler, drawTracks } from "./timeline_draw.js";
import { installTimelineInput } from "./timeline_input.js";
import { rowHeight } from "../ui/touch.js";
import { wholeSpan, zoomSpan } from "../ui/timescale.js";
import { createPainter } from "../stage/view.js";

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {TimelineActions} actions
 * @returns {Timeline}
 */
export function createTimeline(session, texts, actions) {
  const ruler = element("canvas", { class: "fm-ruler", role: "slider", tabindex: "0", "aria-label": texts.frame, "aria-valuemin": "0" });
  const tracks = element("canvas", { class: "fm-tracks", role: "img", "aria-label": texts.keyframes });
  /** @type {Span | undefined} */
  let chosen;
  /** @type {Rect | undefined} */
  let marquee;

  /** @param {number} width @param {number} height */
  const scene = (width, height) => {
    const { frame, ids, keys } = session.state;
    return { width, height, span: timeline.span, document: session.shown, frame, ids, keys, marquee, theme: readTheme(ruler) };
  };
  const rulerPainter = createPainter(ruler, (ctx, width, height) => {
    ctx.font = `10px ${readTheme(ruler).font}`;
    drawRuler(ctx, scene(width, height));
  });
  const tracksPainter = createPainter(tracks, (ctx, width, height) => drawTracks(ctx, scene(width, height)));

  /** @type {Timeline} */
  const timeline = {
    ruler,
    tracks,
    get span() {
      // A zoom chosen for a longer clip does not apply to a shorter one.
      return chosen && chosen.last < session.shown.frames ? chosen : wholeSpan(session.shown.frames);
    },
    setSpan(span) {
      chosen = span;
      timeline.redraw();
    },
    mark(rect) {
      marquee = rect;
      tracksPainter.redraw();
    },
    zoom(factor) {
      timeline.setSpan(zoomSpan(timeline.span, factor, session.state.frame, session.shown.frames));
    },
    redraw() {
      const { frame } = session.state;
      const last = session.shown.frames - 1;
      setAttribute(ruler, "aria-valuemax", last);
      setAttribute(ruler, "aria-valuenow", frame);
      setAttribute(ruler, "aria-valuetext", fill(texts.frameOf, frame, last));
      const height = `${Math.max(session.shown.objects.length, 1) * rowHeight()}px`;
      if (tracks.style.height !== height) tracks.style.height = height;
      rulerPainter.redraw();
      tracksPainter.redraw();
    },
  };
  installTimelineInput({ timeline, session, texts, actions });
  return timeline;
}
