/**
 * The editor's state: the document with its history, and the view of it (selection, frame, tool). Views read `state` and
 * subscribe; every change goes through here. No DOM, no ComfyUI.
 *
 * @import { Document, DocumentObject, KeyRef } from "../model/types.js"
 * @import { Point } from "../model/geometry.js"
 * @import { Clip } from "./clip.js"
 * @import { History } from "./history.js"
 *
 * @typedef {"draw" | "box" | "pen" | "select" | "record" | "thing" | "brush"} Tool
 *
 * @typedef {"picture" | "result" | "map"} Behind the picture that the node gets, what a run made of it, or the control map
 *
 * @typedef {object} SessionState
 * @property {Document} document what was last finished, on the clip that the node's inputs want
 * @property {Document | undefined} draft what the gesture under way would make of it
 * @property {string | undefined} problem why the loaded text is not a document
 * @property {number} frame the one shown
 * @property {readonly string[]} ids selected objects
 * @property {readonly KeyRef[]} keys selected keyframes
 * @property {readonly string[]} unseen objects not shown in the editor
 * @property {readonly string[]} locked objects that the pointer cannot grab
 * @property {Tool} tool
 * @property {number} brushSize radius in pixels of the clip
 * @property {boolean} brushAdds to the mask, or takes from it
 * @property {"new" | "add" | "take"} thingHow what a click on a thing makes: an object, or more or less of the selected one
 * @property {Point | undefined} aim where the keyboard's tools work, fractions of the frame
 * @property {boolean} playing
 * @property {boolean} loop
 * @property {boolean} snap
 * @property {boolean} ghosts
 * @property {number} ghostCount how many on each side
 * @property {number} ghostStep frames between them; 0: by the length of the clip
 * @property {boolean} cutouts the picture's objects moved along their boxes
 * @property {Behind} behind what lies behind the boxes
 * @property {boolean} hasResult whether a run has made something of the trajectory, or is about to
 * @property {string} message what was last announced
 * @property {boolean} alarm whether it reports a failure
 * @property {Clip} clip what the node's inputs say of the clip
 *
 * @typedef {Readonly<SessionState>} State
 *
 * @typedef {object} Session
 * @property {State} state
 * @property {Document} shown the draft, or else the document
 * @property {History} history
 * @property {(patch: Partial<SessionState>) => void} set
 * @property {(listener: (state: State, before: State) => void) => () => void} subscribe returns what ends it
 * @property {(label: string, change: (document: Document) => Document, patch?: Partial<SessionState>) => boolean} edit one
 *   step of the history; what an operation refuses is announced instead, and false comes back
 * @property {(change: (document: Document) => Document) => void} draft show a change without keeping it
 * @property {(label: string, patch?: Partial<SessionState>) => boolean} keep make the draft one step of the history
 * @property {() => void} cancel drop the draft
 * @property {(document: Document) => void} replace put a document where none could be read
 * @property {boolean} canUndo
 * @property {boolean} canRedo
 * @property {() => Promise<string | undefined>} undo the label of the step; empty: a step outside of this document; undefined: none
 * @property {() => Promise<string | undefined>} redo
 * @property {(message: string, alarm?: boolean) => void} say
 * @property {(text: string) => boolean} load a document of the history is gone back to, with frame and selection kept; true
 *   when it is another document
 * @property {(clip: Clip) => void} setClip what the node's inputs say; the document's text stays
 * @property {() => string} text the document's text; what was loaded, letter by letter, until something changes
 *
 * @typedef {object} Outer a history that holds this document's steps among others. Then undo and redo walk that one alone
 * @property {boolean} canUndo
 * @property {boolean} canRedo
 * @property {() => Promise<void>} undo calls `load` where the step concerns this document
 * @property {() => Promise<void>} redo
 */

import { emptyDocument, parse, stringify } from "../model/document.js";
import { followed, onClip, OWN_CLIP } from "./clip.js";
import { createHistory, same, stepTo } from "./history.js";
import { rounded } from "./rounded.js";

const NEW_DOCUMENT = emptyDocument([1280, 704], 121);

/**
 * @param {() => void} changed called once per finished change of the document
 * @param {() => Outer | undefined} [outer] undefined: the session's own history is the only one
 * @returns {Session}
 */
export function createSession(changed, outer = () => undefined) {
  /** @type {State} */
  let state = {
    document: NEW_DOCUMENT, draft: undefined, problem: undefined, frame: 0, ids: [], keys: [], unseen: [], locked: [],
    tool: "draw", brushSize: 16, brushAdds: true, thingHow: "new", aim: undefined, playing: false, loop: true, snap: true, ghosts: true, ghostCount: 3, ghostStep: 0, cutouts: true,
    behind: "picture", hasResult: false, message: "", alarm: false, clip: OWN_CLIP,
  };
  const history = createHistory(NEW_DOCUMENT);
  /** What the text says; the inputs of the node may bring it to another clip. */
  let written = NEW_DOCUMENT;
  /** @type {string | undefined} */
  let text;
  /** Where a loaded document is looked for first. @type {"undo" | "redo"} */
  let heading = "undo";
  /** @type {Set<(state: State, before: State) => void>} */
  const listeners = new Set();

  /** @param {Partial<SessionState>} patch */
  function set(patch) {
    const before = state;
    state = cleaned({ ...state, ...patch });
    for (const listener of listeners) listener(state, before);
  }

  /** @param {Document} document @param {Partial<SessionState>} [patch] */
  function show(document, patch = {}) {
    text = undefined;
    written = document;
    const clip = followed(state.clip, document);
    set({ message: "", alarm: false, ...patch, document: onClip(document, clip), clip, draft: undefined, problem: undefined });
    changed();
  }

  /** @param {() => Document} make */
  function attempt(make) {
    try {
      return make();
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      session.say(error.message, true);
      return undefined;
    }
  }

  /** @param {"undo" | "redo"} way */
  async function walk(way) {
    const [around, before] = [outer(), state.document];
    const [can, label] = way === "undo" ? [session.canUndo, history.undoLabel] : [session.canRedo, history.redoLabel];
    if (!can) return undefined;
    heading = way;
    if (!around) show(history[way]());
    else await around[way]();
    heading = "undo";
    return state.document === before ? "" : label ?? "";
  }

  /** @type {Session} */
  const session = {
    get state() {
      return state;
    },
    get shown() {
      return state.draft ?? state.document;
    },
    get history() {
      return history;
    },
    get canUndo() {
      return (outer() ?? history).canUndo;
    },
    get canRedo() {
      return (outer() ?? history).canRedo;
    },
    set,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    edit(label, change, patch) {
      // Never overwrite a text that could not be read.
      if (state.problem !== undefined) return false;
      const next = attempt(() => rounded(change(state.document), state.document));
      if (next === undefined) return false;
      if (!same(next, state.document) && history.push(next, label)) show(next, patch);
      else set({ ...patch, draft: undefined });
      return true;
    },
    draft(change) {
      const next = attempt(() => change(state.document));
      if (next !== undefined && next !== session.shown) set({ draft: next });
    },
    keep(label, patch) {
      const { draft } = state;
      return draft !== undefined && session.edit(label, () => draft, patch);
    },
    cancel() {
      if (state.draft) set({ draft: undefined });
    },
    replace(document) {
      history.replace(document);
      show(document);
    },
    async undo() {
      if (!state.draft) return walk("undo");
      session.cancel();
      return undefined;
    },
    redo: async () => (state.draft ? undefined : walk("redo")),
    say(message, alarm = false) {
      set({ message, alarm });
    },
    load(loaded) {
      if (loaded === text) return false;
      const found = parse(loaded);
      text = loaded;
      if (found.document === undefined) {
        set({ problem: found.problem, draft: undefined, playing: false });
        return true;
      }
      const known = stepTo(history, found.document, heading);
      if (!known) history.replace(onClip(found.document, state.clip));
      // A different document starts at its first frame.
      const view = known ? {} : { frame: 0, ids: [], keys: [], unseen: [], locked: [] };
      written = found.document;
      set({ ...view, document: onClip(written, state.clip), draft: undefined, problem: undefined, playing: false, message: "" });
      return !known;
    },
    setClip(clip) {
      if (same(clip, state.clip)) return;
      const document = onClip(written, clip);
      // Undo must not lead to a clip that no input asks for.
      if (!history.canUndo && !history.canRedo && state.problem === undefined) history.replace(document);
      set({ clip, document: same(document, state.document) ? state.document : document });
    },
    text() {
      text ??= stringify(written);
      return text;
    },
  };
  return session;
}

/**
 * The state without what its document does not have.
 * @param {State} state
 * @returns {State}
 */
function cleaned(state) {
  const { objects, frames } = state.draft ?? state.document;
  /** @type {Map<string, DocumentObject>} */
  const byId = new Map(objects.map((object) => [object.id, object]));
  /** @param {readonly string[]} ids */
  const existing = (ids) => (ids.every((id) => byId.has(id)) ? ids : ids.filter((id) => byId.has(id)));
  /** @param {KeyRef} key */
  const isThere = ({ id, frame }) => byId.get(id)?.keyframes.some((key) => key.frame === frame) ?? false;
  return {
    ...state,
    frame: Math.min(Math.max(Math.round(state.frame), 0), frames - 1),
    ids: existing(state.ids),
    keys: state.keys.every(isThere) ? state.keys : state.keys.filter(isThere),
    unseen: existing(state.unseen),
    locked: existing(state.locked),
  };
}
