/**
 * The drags of the timeline. As on the stage, everything is a draft until the drag ends.
 *
 * @import { DocumentObject, Interval, KeyRef } from "../model/types.js"
 * @import { Context, Drag } from "./timeline_input.js"
 * @import { Point } from "../model/geometry.js"
 */

import { isFar } from "../stage/gestures.js";
import { clampShift, duplicateKeyframes, moveKeyframes, toggleHidden } from "../edit/operations.js";
import { rowHeight } from "../ui/touch.js";
import { frameAtX, pixelsPerFrame, xOfFrame } from "../ui/timescale.js";

/**
 * Move the selected keyframes in time; Alt copies them. A click goes to the frame.
 * @param {Context} context
 * @param {Point} from
 * @param {KeyRef} grabbed
 * @param {boolean} extending whether the click only changes the selection
 * @returns {Drag}
 */
export function keysDrag({ timeline, session, texts }, from, grabbed, extending) {
  const selection = session.state.keys;
  const { document } = session.state;
  let moved = false;
  let by = 0;
  return {
    move(to, event) {
      if ((!moved && !isFar(from, to)) || selection.length === 0) return;
      moved = true;
      const wanted = Math.round((to.x - from.x) / pixelsPerFrame(timeline.span, timeline.tracks.clientWidth));
      by = clampShift(document, selection, wanted);
      const change = event.altKey ? duplicateKeyframes : moveKeyframes;
      if (by === 0) session.cancel();
      else session.draft((before) => change(before, { selection, dFrames: by }));
      session.set({ keys: selection.map(({ id, frame }) => ({ id, frame: frame + by })), frame: grabbed.frame + by });
    },
    end() {
      if (moved && by !== 0) session.keep(texts.stepKey);
      else if (!extending && !moved) session.set({ keys: [grabbed], ids: [grabbed.id], frame: grabbed.frame, playing: false });
    },
    cancel() {
      session.cancel();
      session.set({ keys: selection });
    },
  };
}

/**
 * Move one end of a hidden interval.
 * @param {Context} context
 * @param {DocumentObject} object
 * @param {{interval: Interval, end: 0 | 1}} edge
 * @returns {Drag}
 */
export function hiddenEdgeDrag({ timeline, session, texts }, { id }, { interval, end }) {
  return {
    move(to) {
      const { span, tracks } = timeline;
      const half = pixelsPerFrame(span, tracks.clientWidth) / 2;
      const frame = frameAtX(span, tracks.clientWidth, to.x + (end ? -half : half));
      const [first, last] = end ? [interval[0], Math.max(frame, interval[0])] : [Math.min(frame, interval[1]), interval[1]];
      session.draft((document) => {
        const shown = toggleHidden(document, { id, first: interval[0], last: interval[1], hidden: false });
        return toggleHidden(shown, { id, first: Math.max(first, 0), last: Math.min(last, document.frames - 1), hidden: true });
      });
    },
    end: () => void session.keep(texts.stepHidden),
    cancel: session.cancel,
  };
}

/**
 * Select the keyframes in a rectangle.
 * @param {Context} context
 * @param {Point} from
 * @param {readonly KeyRef[]} kept keyframes that stay selected
 * @param {() => void} [onClick] when it was no drag
 * @returns {Drag}
 */
export function marqueeDrag({ timeline, session }, from, kept, onClick) {
  const before = session.state;
  let moved = false;
  return {
    move(to) {
      if (!moved && !isFar(from, to)) return;
      moved = true;
      const [left, right] = [Math.min(from.x, to.x), Math.max(from.x, to.x)];
      const [top, bottom] = [Math.min(from.y, to.y), Math.max(from.y, to.y)];
      const found = session.state.document.objects.flatMap(({ id, keyframes }, row) => {
        const middle = (row + 0.5) * rowHeight();
        if (middle < top || middle > bottom) return [];
        return keyframes.flatMap(({ frame }) => {
          const x = xOfFrame(timeline.span, timeline.tracks.clientWidth, frame);
          return x >= left && x <= right ? [{ id, frame }] : [];
        });
      });
      const keys = [...kept, ...found.filter((key) => !kept.some((ref) => ref.id === key.id && ref.frame === key.frame))];
      session.set({ keys, ids: [...new Set(keys.map(({ id }) => id))] });
      timeline.mark({ left, top, right, bottom });
    },
    end() {
      timeline.mark(undefined);
      if (!moved) onClick?.();
    },
    cancel() {
      timeline.mark(undefined);
      session.set({ keys: before.keys, ids: before.ids });
    },
  };
}
