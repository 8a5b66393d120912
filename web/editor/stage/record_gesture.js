/**
 * Free-hand recording: the clip plays while a box is dragged, so the speed of the hand becomes the timing.
 *
 * @import { Context, Gesture } from "./gestures.js"
 * @import { Point } from "../model/geometry.js"
 */

import { toCanvas, toPicture } from "../model/geometry.js";
import { recordMotion } from "../edit/record.js";
import { boxAt } from "../model/sample.js";
import { fill } from "../texts/texts.js";

/**
 * @param {Context} context
 * @param {Point} from canvas pixels
 * @param {string} id the object that follows the hand
 * @returns {Gesture}
 */
export function recordGesture({ stage, session, texts }, from, id) {
  const first = session.state.frame;
  const { document } = session.state;
  const object = document.objects.find((item) => item.id === id);
  const start = object ? boxAt(object, first) : { x: 0.5, y: 0.5, w: 0.1, h: 0.1 };
  const grip = toPicture(stage.view, from);
  const began = performance.now();
  let hand = { x: start.x, y: start.y };
  const samples = [{ time: 0, ...hand }];
  let asked = requestAnimationFrame(tick);
  session.set({ ids: [id], keys: [] });

  function tick() {
    const time = performance.now() - began;
    const frame = first + Math.floor((time / 1000) * document.fps);
    samples.push({ time, ...hand });
    session.draft((before) => recordMotion(before, { id, first, samples }));
    session.set({ frame });
    stage.mark({ readout: { at: toCanvas(stage.view, hand), text: fill(texts.recording, session.state.frame) } });
    if (frame < document.frames - 1) asked = requestAnimationFrame(tick);
    else finish();
  }

  /** The hand may have moved far since the last animation frame. */
  function end() {
    if (!asked) return;
    samples.push({ time: performance.now() - began, ...hand });
    session.draft((before) => recordMotion(before, { id, first, samples }));
    finish();
  }

  function finish() {
    if (!asked) return;
    cancelAnimationFrame(asked);
    asked = 0;
    stage.mark({});
    session.keep(texts.stepRecord, { tool: "draw", message: texts.saidRecorded });
  }

  return {
    move(to) {
      const at = toPicture(stage.view, to);
      hand = { x: start.x + at.x - grip.x, y: start.y + at.y - grip.y };
      samples.push({ time: performance.now() - began, ...hand });
    },
    end,
    cancel() {
      cancelAnimationFrame(asked);
      asked = 0;
      stage.mark({});
      session.cancel();
      session.set({ frame: first });
    },
  };
}
