/**
 * The dialog of *Take motion from a video*: the picture, the boxes on it, which part of the video, progress, and what was found.
 *
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {"draw" | "follow" | "done"} Stage
 *
 * @typedef {object} Content
 * @property {string} title
 * @property {readonly [number, number]} video width and height in pixels
 * @property {readonly [number, number]} [clip] its size, where it shows clearly less than the whole picture
 * @property {HTMLElement} boxes
 * @property {{from: number, to: number, fit: "retime" | "trim", tolerance: number}} part changed in place
 * @property {number} duration of the video in seconds
 *
 * @typedef {object} Doings
 * @property {() => void} add
 * @property {() => void} change another part of the video
 * @property {() => void} follow
 * @property {() => void} stop
 * @property {() => void} again
 * @property {() => void} use
 * @property {() => void} closed
 */

import { coverZoom } from "../edit/cover.js";
import { element, iconButton, setText } from "../ui/dom.js";
import { choiceField, numberField } from "../ui/fields.js";
import { rangeRule } from "../ui/rules.js";
import { fill } from "../texts/texts.js";

/** Longest side of the picture shown, in pixels. */
const SHOWN = 960;

/**
 * @param {Texts} texts
 * @param {Content} content
 * @param {Doings} doings
 */
export function createVideoDialog(texts, { title, video, clip, boxes, part, duration }, doings) {
  const before = document.activeElement;
  const scale = Math.min(SHOWN / Math.max(...video), 1);
  const [width, height] = video.map((side) => Math.round(side * scale));
  const canvas = element("canvas", { width, height, role: "img", "aria-label": texts.videoPicture });
  const frame = element("div", { class: "fm-video-frame" }, canvas, ...(clip ? shades(video, clip) : []), boxes);
  frame.style.setProperty("--fm-ratio", String(video[0] / video[1]));
  const status = element("p", { role: "status" });
  const bar = element("progress", { "aria-label": texts.videoFollow, hidden: true });
  const list = element("ul", { class: "fm-video-lines", hidden: true });

  /** @param {"from" | "to"} name @param {string} short @param {string} label */
  const second = (name, short, label) => {
    const field = numberField(short, label, (value) => {
      part[name] = value;
      doings.change();
    }, { step: "any" }, rangeRule(texts, () => ({ low: 0, high: duration })));
    field.show(part[name]);
    return field.element;
  };
  const fit = choiceField(texts.videoFit, [["retime", texts.videoFill], ["trim", texts.videoSpeed]], (value) => {
    part.fit = value === "trim" ? "trim" : "retime";
  });
  const tolerance = numberField(texts.tolerance, texts.tolerance, (value) => {
    part.tolerance = value;
  }, { step: "any" }, rangeRule(texts, () => ({ low: 0, high: 200 })));
  tolerance.show(part.tolerance);
  const fields = element("div", { class: "fm-fields" },
    second("from", texts.videoFrom, texts.videoFrom), second("to", texts.videoTo, texts.videoToLong), fit, tolerance.element);

  /** @param {string} text @param {() => void} run @param {string} className */
  const button = (text, run, className) => {
    const made = element("button", { type: "button", class: className }, text);
    made.addEventListener("click", run);
    return made;
  };
  const add = button(texts.videoAdd, doings.add, "fm-plain");
  const follow = button(texts.videoFollow, doings.follow, "fm-primary");
  const stop = button(texts.videoStop, doings.stop, "fm-plain");
  const again = button(texts.videoAgain, doings.again, "fm-plain");
  const use = button(texts.videoUse, doings.use, "fm-primary");
  const close = iconButton("close", texts.close, () => dialog.close());
  const dialog = element("dialog", { tabindex: -1, class: "fm-wrapper fm-video", "aria-label": title },
    element("div", { class: "fm-form-head" }, element("strong", {}, title), close),
    element("p", {}, [texts.videoHow, clip ? texts.videoCrop : ""].join(" ").trim()),
    frame, fields, status, bar, list,
    element("div", { class: "fm-row" }, add, follow, stop, again, use));
  /** @type {Stage} */
  let stage = "draw";

  // Escape ends what is under way, and closes the dialog when nothing is.
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    if (stage === "follow") doings.stop();
    else dialog.close();
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    doings.closed();
    if (before instanceof HTMLElement) before.focus({ preventScroll: true });
  });
  for (const name of ["keydown", "keyup", "pointerdown", "wheel", "contextmenu", "copy", "paste"]) {
    dialog.addEventListener(name, (event) => event.stopPropagation());
  }

  return {
    open() {
      document.body.append(dialog);
      dialog.showModal();
      add.focus();
    },
    close: () => dialog.close(),
    /** @param {HTMLVideoElement} picture */
    picture(picture) {
      canvas.getContext("2d")?.drawImage(picture, 0, 0, width, height);
    },
    /** @param {string} text */
    say: (text) => setText(status, text),
    /** @param {number} done @param {number} all */
    progress(done, all) {
      Object.assign(bar, { value: done, max: all });
      setText(status, fill(texts.videoStep, done, all));
    },
    /** @param {readonly {text: string, isGood: boolean}[]} lines */
    lines(lines) {
      setText(status, "");
      list.replaceChildren(...lines.map(({ text, isGood }) => element("li", { class: isGood ? "" : "fm-unsure" }, text)));
    },
    /** @param {Stage} next */
    state(next) {
      stage = next;
      boxes.inert = next !== "draw";
      for (const shown of [fields, add, follow]) shown.hidden = next !== "draw";
      stop.hidden = bar.hidden = next !== "follow";
      for (const shown of [again, use, list]) shown.hidden = next !== "done";
      ({ draw: add, follow: stop, done: use })[next].focus();
    },
  };
}

/**
 * What of the picture lies outside of the clip.
 * @param {readonly [number, number]} video
 * @param {readonly [number, number]} clip
 * @returns {HTMLElement[]}
 */
function shades(video, clip) {
  const [across, down] = coverZoom(video, clip).map((zoom) => `${(50 * (1 - 1 / zoom)).toFixed(3)}%`);
  const upright = video[0] / video[1] < clip[0] / clip[1];
  return upright
    ? [shade({ left: "0", right: "0", height: down, top: "0" }), shade({ left: "0", right: "0", height: down, bottom: "0" })]
    : [shade({ top: "0", bottom: "0", width: across, left: "0" }), shade({ top: "0", bottom: "0", width: across, right: "0" })];
}

/** @param {Partial<CSSStyleDeclaration>} style */
function shade(style) {
  const made = element("div", { class: "fm-video-shade" });
  Object.assign(made.style, style);
  return made;
}
