/**
 * The editor, put together: toolbar, stage, timeline, list, inspector, messages. It knows its host, not ComfyUI.
 *
 * @import { Outer } from "./edit/session.js"
 * @import { BehindHost } from "./panels/behind_boxes.js"
 * @import { TakePicture } from "./panels/drops.js"
 * @import { Clip } from "./edit/clip.js"
 * @import { RunProblem } from "./panels/run_words.js"
 * @import { Background } from "./stage/pictures.js"
 * @import { Live, Result } from "./stage/result_picture.js"
 *
 * @typedef {object} OwnHost
 * @property {string} locale such as "en" or "zh"
 * @property {() => void} changed a change of the document is finished
 * @property {() => boolean} pansGraph whether drags pan what lies around the editor
 * @property {(event: PointerEvent) => void} forwardPointer
 * @property {(event: WheelEvent) => void} forwardWheel
 * @property {() => void} refocusGraph the user leaves the editor
 * @property {() => Outer | undefined} history the graph's, which holds the document's steps among others
 * @property {TakePicture} takePicture a picture was dropped or pasted
 *
 * @typedef {OwnHost & BehindHost} Host
 *
 * @typedef {object} Editor
 * @property {HTMLElement} element
 * @property {(text: string) => void} load
 * @property {() => string} value the document's text, complete at every moment
 * @property {(background: Background | undefined) => void} setBackground
 * @property {(result: Result | undefined) => void} setResult what a run made of the trajectory
 * @property {(live: Live | undefined) => void} setLive what a run is making of it; undefined: it has ended
 * @property {(text: string | undefined, notes: string) => void} setResolved the document of the last run, connected objects included, and
 *   what was left out of them
 * @property {() => {size: readonly [number, number], frames: number}} clip what the editor shows
 * @property {(clip: Clip) => void} setClip what the node's inputs say of the clip
 * @property {(clip: Clip) => void} changeClip the same, after the user changed one of these inputs: the document follows, in one step
 * @property {(problem: RunProblem | undefined) => void} setRunProblem what the last run complained about at this node
 * @property {(linked: boolean) => void} setLinked whether the document comes from another node
 * @property {(onClose: () => void) => void} openLarge the large view, for an editor that has no place in a node
 * @property {() => void} focus
 * @property {() => void} release stop playing and leave the large view, because the node is removed
 * @property {() => void} layout
 * @property {() => void} refresh something around the editor has changed: the history, the graph
 */

import { createClipNotes } from "./panels/clip_notes.js";
import { createBrushBar } from "./panels/brush_bar.js";
import { createBanner } from "./ui/banner.js";
import { createBehindBoxes } from "./panels/behind_boxes.js";
import { connectedObjects } from "./panels/connected.js";
import { createDialog } from "./ui/dialog.js";
import { createEmptyHint } from "./ui/empty_hint.js";
import { element, setText } from "./ui/dom.js";
import { installDrops, takeFiles } from "./panels/drops.js";
import { createFiles, installClipboard } from "./panels/files.js";
import { openHelp } from "./panels/help.js";
import { createHints } from "./panels/hint_list.js";
import { createInspector } from "./panels/inspector.js";
import { installKeys } from "./panels/keyboard.js";
import { openStageMenu } from "./panels/path_menu.js";
import { sayOnLongPress } from "./ui/long_press.js";
import { installPlayer } from "./ui/player.js";
import { createSession } from "./edit/session.js";
import { installStageInput } from "./stage/stage_input.js";
import { textsFor } from "./texts/texts.js";
import { watchTheme } from "./ui/theme.js";
import { createTimePanel } from "./panels/time_panel.js";
import { createTools } from "./panels/tools.js";
import { createThings } from "./stage/things.js";
import { takeVideo } from "./panels/video_motion.js";
import { createStage } from "./stage/view.js";

/** How long a message stays on the picture. */
const MESSAGE_MS = 6000;
/** Animation frames in which ComfyUI may put the editor back into the page. */
const FOCUS_TURNS = 30;

/**
 * @param {Host} host
 * @param {HTMLElement} wrapper its element
 * @param {HTMLElement} root its child, empty
 * @returns {Editor}
 */
export function createEditor(host, wrapper, root) {
  const texts = textsFor(host.locale);
  const session = createSession(host.changed, () => {
    const around = host.history();
    return around && { ...around, undo: () => keepingFocus(around.undo), redo: () => keepingFocus(around.redo) };
  });
  const behind = createBehindBoxes(session, texts, host, () => update(), () => stage.redraw());
  const { pictures } = behind;
  const stage = createStage(session, behind.at, () => (session.state.behind === "picture" ? clipNotes.cut.margins : undefined), texts);
  const hints = createHints(session, texts, pictures, () => root);
  const clipNotes = createClipNotes(session, texts, pictures, () => update());
  const sink = element("textarea", { class: "fm-sink", "aria-label": texts.sink, inputmode: "none", autocomplete: "off", spellcheck: "false" });
  const focus = () => sink.focus({ preventScroll: true });
  const files = createFiles(session, texts, { session, texts, root: () => root, beside: () => boundsOf("document") }, (pasted) => take(pasted));
  /** @param {File[]} taken @param {{left: number, top: number, bottom: number}} [beside] */
  const take = (taken, beside = stage.element.getBoundingClientRect()) =>
    void takeFiles({ session, texts, root: () => root, takePicture: host.takePicture, openText: files.read, openVideo: (file) => void takeVideo({ session, texts }, file) }, taken, beside);
  /** @type {string | undefined} */
  let resolved;
  let told = "";

  const actions = {
    toggleLarge: () => dialog.toggle(),
    help: () => openHelp(root, boundsOf("help"), texts),
    fitView: () => stage.setView(undefined),
    zoomTime: (/** @type {number | undefined} */ factor) => time.zoom(factor),
    leave,
    rename: () => {
      inspector.name.focus();
      inspector.name.select();
    },
  };
  const context = { session, texts, actions, root: () => root, files, connected: () => connectedObjects(session, texts, resolved, root),
    pictureSize: () => pictures.size, cut: clipNotes.cut, hints };
  const tools = createTools(context);
  const brushBar = createBrushBar(context);
  const things = createThings(session, texts, () => pictures.first ?? pictures.at(0, session.shown.fps));
  const inspector = createInspector(context);
  const time = createTimePanel(context, focus);
  const banner = createBanner(session, texts);
  const message = element("div", { class: "fm-message", role: "status", "aria-live": "polite" });
  const empty = createEmptyHint(texts);
  const linked = element("div", { class: "fm-linked", hidden: true }, texts.linked);
  stage.element.append(sink, empty.element, element("div", { class: "fm-notes" }, linked, ...behind.lines), message);
  root.append(tools.element, brushBar.element, ...clipNotes.elements, stage.element, time.element, inspector.element, banner.element);
  const dialog = createDialog(wrapper, root, texts, () => {
    stage.setView(undefined);
    stage.mark({});
    focus();
  });

  const input = installStageInput({
    stage, session, texts, things, focus, openMenu: (event, target) => openStageMenu(context, event, target),
    host: { ...host, isFocused: () => root.contains(document.activeElement) },
  });
  installClipboard(sink, session, texts, (pasted) => take(pasted));

  const keys = installKeys(root, sink, { ...context, things }, focus);

  /** Loading the graph again takes the editor out of the page for a moment. @param {() => Promise<void>} walk */
  async function keepingFocus(walk) {
    const inside = root.contains(document.activeElement);
    await walk();
    for (let turns = 0; inside && turns < FOCUS_TURNS && !root.contains(document.activeElement); turns += 1) {
      focus();
      await new Promise(requestAnimationFrame);
    }
  }

  function leave() {
    const { tool, ids, keys: keyframes } = session.state;
    if (input.cancel() || things.cancel()) return;
    if (tool !== "draw") session.set({ tool: "draw" });
    else if (ids.length || keyframes.length) session.set({ ids: [], keys: [] });
    else if (dialog.isOpen()) dialog.close();
    else {
      sink.blur();
      host.refocusGraph();
    }
  }

  /** @param {string} id */
  function boundsOf(id) {
    const button = root.querySelector(`[data-command="${id}"]:not([hidden])`) ?? root.querySelector('[data-command="more"]:not([hidden])');
    return (button ?? root).getBoundingClientRect();
  }

  // Ignore text from an input method.
  sink.addEventListener("input", () => {
    sink.value = "";
  });
  installDrops(root, take);
  sayOnLongPress(root, session.say);

  /** Show a message that fades after a while. @param {string} text */
  function tell(text) {
    setText(message, text);
    for (const fading of message.getAnimations()) fading.cancel();
    if (text && !session.state.alarm) message.animate({ opacity: [1, 1, 0], offset: [0, 0.95, 1] }, { duration: MESSAGE_MS, fill: "forwards" });
  }

  function update() {
    const { state, shown } = session;
    behind.update();
    for (const part of [tools, brushBar, time, inspector, banner, clipNotes]) part.update();
    for (const part of [tools, brushBar, stage, time, inspector]) part.element.inert = state.problem !== undefined || !linked.hidden;
    if (message.textContent !== state.message) tell(state.message);
    message.classList.toggle("fm-alarm", state.alarm);
    stage.element.classList.toggle("fm-upright", shown.size[1] > shown.size[0]);
    empty.show(shown.objects.length === 0 && state.behind === "picture" && clipNotes.cut.margins === undefined, state.tool);
    stage.redraw();
    keys.keepFocus();
  }
  session.subscribe(update);
  installPlayer(session);
  const redraw = () => {
    stage.redraw();
    time.update();
  };
  watchTheme(redraw);
  new ResizeObserver(redraw).observe(root);
  root.addEventListener("contentvisibilityautostatechange", redraw);
  update();

  return {
    element: wrapper,
    load(text) {
      if (!session.load(text)) return;
      things.cancel();
      clipNotes.loaded();
      stage.setView(undefined);
    },
    value: session.text,
    clip: () => session.state.document,
    setClip: session.setClip,
    changeClip: clipNotes.changeClip,
    setRunProblem: clipNotes.setRunProblem,
    setBackground(background) {
      clipNotes.cut.arriving(background);
      behind.setBackground(background);
    },
    setResult: behind.setResult,
    setLive: behind.setLive,
    setResolved(text, notes) {
      resolved = text;
      // The notes of the run before are no longer true.
      if (notes || session.state.message === told) session.say(notes, Boolean(notes));
      told = notes;
    },
    setLinked(isLinked) {
      if (linked.hidden === !isLinked) return;
      linked.hidden = !isLinked;
      update();
    },
    openLarge: (onClose) => dialog.toggle(onClose),
    focus,
    release() {
      if (session.state.playing) session.set({ playing: false });
      dialog.close();
    },
    layout: stage.redraw,
    refresh: update,
  };
}
