/**
 * *Take motion from a video*: a dialog with the first picture of a video, boxes on it, and what became of them when they were followed.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Document, Interval } from "../model/types.js"
 * @import { Video } from "../ui/video_file.js"
 * @import { Texts } from "../texts/texts.js"
 * @import { Marked } from "./video_boxes.js"
 *
 * @typedef {{session: Session, texts: Texts}} VideoContext
 * @typedef {ReturnType<typeof resampled>} Found
 */

import { nextName } from "../edit/names.js";
import { moments, onVideoOf, outOfSight, resampled, takeMotion } from "../edit/video_motion.js";
import { isCut } from "../model/crop.js";
import { newColor } from "../model/palette.js";
import { boxAt } from "../model/sample.js";
import { colorOf, nameOf } from "../stage/scene.js";
import { element } from "../ui/dom.js";
import { followVideo } from "../ui/follow_video.js";
import { openVideo } from "../ui/video_file.js";
import { fill } from "../texts/texts.js";
import { createVideoBoxes } from "./video_boxes.js";
import { createVideoDialog } from "./video_dialog.js";

/** Below this likeness the user is asked to look. */
const UNSURE = 0.7;

/** Let the user choose a video. @param {VideoContext} context */
export function chooseVideo(context) {
  const input = element("input", { type: "file", accept: "video/*,.mp4,.m4v,.mov,.webm,.mkv" });
  input.addEventListener("change", () => {
    const file = input.files?.[0];
    if (file) void takeVideo(context, file);
  });
  input.click();
}

/** @param {VideoContext} context @param {File} file */
export async function takeVideo({ session, texts }, file) {
  // The text that cannot be read is to be seen to first.
  if (session.state.problem !== undefined) return;
  session.say(fill(texts.videoOpening, file.name));
  try {
    const video = await openVideo(file, texts);
    session.say("");
    openPanel({ session, texts }, video);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    session.say(error.message, true);
  }
}

/** @param {VideoContext} context @param {Video} video */
function openPanel({ session, texts }, video) {
  const { document: shown } = session.state;
  const part = { from: 0, to: video.duration, fit: /** @type {"retime" | "trim"} */ ("retime"), tolerance: 4 };
  /** @type {AbortController | undefined} */
  let run;
  /** @type {Found[] | undefined} */
  let found;
  let closed = false;

  const boxes = createVideoBoxes(texts, video.size, selectedBoxes(session, video.size), () => {
    const all = [...shown.objects, ...boxes.marked.filter(({ id }) => id === undefined).map(({ label, color }) => ({ id: "", label, color }))];
    return { label: nextName(all, (place) => fill(texts.objectName, place)), color: newColor(all) };
  }, () => say(""));
  const dialog = createVideoDialog(texts, {
    title: fill(texts.videoTitle, video.name),
    video: video.size,
    clip: isCut(video.size, shown.size) ? shown.size : undefined,
    boxes: boxes.element,
    part,
    duration: video.duration,
  }, {
    add: () => boxes.add(),
    change: () => void showFirst(),
    follow: () => void follow(),
    stop: () => run?.abort(),
    again: () => void draw(""),
    use,
    closed() {
      closed = true;
      run?.abort();
      video.close();
    },
  });
  const { say } = dialog;

  /** The first picture; where there is none, it says why. */
  async function showFirst() {
    try {
      dialog.picture((await video.at(part.from)).picture);
    } catch (error) {
      tell(error);
    }
  }

  /** @param {unknown} error */
  function tell(error) {
    if (!(error instanceof RangeError)) throw error;
    say(error.message);
  }

  /** Back to the boxes. @param {string} message */
  async function draw(message) {
    found = undefined;
    boxes.show(undefined);
    dialog.state("draw");
    say(message);
    await showFirst();
  }

  async function follow() {
    const { marked } = boxes;
    if (!marked.length) {
      say(texts.videoNone);
      return;
    }
    const own = new AbortController();
    run = own;
    try {
      const all = moments(session.state.document, video.duration, part);
      dialog.state("follow");
      const result = await followVideo(video, all, marked.map(({ box }) => box), {
        signal: own.signal,
        broken: fill(texts.videoBroken, video.name),
        onStep({ picture, done, all: count, boxes: now }) {
          dialog.picture(picture);
          dialog.progress(done, count);
          boxes.show(now);
        },
      });
      if ("plain" in result) await draw(fill(texts.videoPlain, marked[result.plain].label));
      else {
        found = marked.map((_, index) => resampled(result, index, all));
        dialog.state("done");
        dialog.lines(linesOf(texts, session.state.document.frames, marked, found));
      }
    } catch (error) {
      if (closed) return;
      if (own.signal.aborted) await draw(texts.videoStopped);
      else if (error instanceof RangeError) await draw(error.message);
      else throw error;
    }
    // The user may have pressed Follow again meanwhile.
    if (run === own) run = undefined;
  }

  function use() {
    if (!found) return;
    const tracks = found.map((one, index) => ({ id: boxes.marked[index].id, label: boxes.marked[index].label, boxes: one.boxes }));
    const lost = linesOf(texts, session.state.document.frames, boxes.marked, found).filter(({ isGood }) => !isGood).map(({ text }) => text);
    const message = [fill(texts.saidVideoMotion, tracks.length, video.name), ...lost].join(" ");
    const change = (/** @type {Document} */ before) => takeMotion(before, { tracks, video: video.size, tolerance: part.tolerance });
    if (!session.edit(texts.stepVideo, change, { frame: 0, keys: [] })) {
      say(session.state.message);
      return;
    }
    const fresh = tracks.filter(({ id }) => id === undefined).length;
    const added = fresh ? session.state.document.objects.slice(-fresh).map(({ id }) => id) : [];
    session.set({ ids: [...tracks.flatMap(({ id }) => (id === undefined ? [] : [id])), ...added] });
    session.say(message);
    dialog.close();
  }

  dialog.open();
  void draw("");
}

/**
 * The selected objects' boxes on frame 0, where they lie on the video's picture.
 * @param {Session} session
 * @param {readonly [number, number]} video width and height in pixels
 * @returns {Marked[]}
 */
function selectedBoxes(session, video) {
  const { document, ids } = session.state;
  return document.objects.flatMap((object, index) => {
    const box = onVideoOf(boxAt(object, 0), video, document.size);
    const isThere = box.x > 0 && box.x < 1 && box.y > 0 && box.y < 1;
    return ids.includes(object.id) && isThere ? [{ id: object.id, label: nameOf(object), color: colorOf(object, index), box }] : [];
  });
}

/**
 * What is said of each object after it was followed.
 * @param {Texts} texts
 * @param {number} frames of the clip
 * @param {readonly Marked[]} marked
 * @param {readonly Found[]} found
 * @returns {{text: string, isGood: boolean}[]}
 */
function linesOf(texts, frames, marked, found) {
  const lines = found.flatMap(({ boxes, scores }, index) => {
    const { label } = marked[index];
    const away = outOfSight(boxes).map(([first, last]) => gapText(texts, label, [first, last], boxes.length - 1));
    const least = scores.reduce((worst, score, frame) => (boxes[frame] && score < scores[worst] ? frame : worst), 0);
    if (boxes[least] && scores[least] < UNSURE) away.push(fill(texts.videoUnsure, label, least));
    return away.length ? away.map((text) => ({ text, isGood: false })) : [{ text: fill(texts.videoFollowed, label), isGood: true }];
  });
  const last = found[0].boxes.length - 1;
  return last < frames - 1 ? [...lines, { text: fill(texts.videoHeld, last), isGood: true }] : lines;
}

/** @param {Texts} texts @param {string} label @param {Interval} gap @param {number} end last frame that was looked at */
function gapText(texts, label, [first, last], end) {
  return last === end ? fill(texts.videoLost, label, first) : fill(texts.videoGap, label, first, last);
}
