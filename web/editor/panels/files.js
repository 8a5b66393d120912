/**
 * Files and the clipboard: open tracks, save JSON or CSV, copy and paste objects and keyframes as JSON text.
 *
 * @import { ImportContext } from "./track_import.js"
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {{open: () => void, saveJson: () => void, saveCsv: () => void, read: (file: File) => void,
 *   copy: () => void, cut: () => void, paste: () => void}} Files
 */

import { copyKeyframes, copyObjects, parseClip, pasteKeyframes, pasteObjects } from "../edit/clipboard.js";
import { toCsv } from "../model/csv.js";
import { parse, stringify } from "../model/document.js";
import { MAX_TABLE } from "../model/import_tracks.js";
import { decodeText } from "../model/read_text.js";
import { element } from "../ui/dom.js";
import { removeSelected } from "./actions.js";
import { importText } from "./track_import.js";

/** The last copy made in this page, because browsers let a button read the clipboard only on trusted pages. */
let lastCopied = "";

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {ImportContext} place where a panel for tracks opens
 * @param {(files: File[]) => void} take what is done with pasted files
 * @returns {Files}
 */
export function createFiles(session, texts, place, take) {
  /** @param {File} file */
  async function read(file) {
    if (file.size > MAX_TABLE) {
      session.say(texts.saidTooLarge, true);
      return;
    }
    const content = await file.arrayBuffer();
    try {
      importText(place, file.name, decodeText(content, file.name));
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      session.say(error.message, true);
    }
  }

  /** @param {string} name @param {string} text @param {string} type */
  function save(name, text, type) {
    const url = URL.createObjectURL(new Blob([text], { type }));
    element("a", { href: url, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
  }

  return {
    open() {
      const input = element("input", { type: "file", accept: ".json,.csv,.tsv,.txt,.xml,application/json,text/csv,text/xml" });
      input.addEventListener("change", () => {
        const file = input.files?.[0];
        if (file) void read(file);
      });
      input.click();
    },
    saveJson: () => save("trajectory.json", stringify(session.state.document), "application/json"),
    saveCsv: () => save("trajectory.csv", toCsv(session.state.document), "text/csv"),
    read: (file) => void read(file),
    copy: () => void copySelected(session, texts, toClipboard),
    cut() {
      if (copySelected(session, texts, toClipboard)) removeSelected(session, texts);
    },
    async paste() {
      const picture = await pictureInClipboard();
      if (picture) take([picture]);
      else paste(session, texts, await fromClipboard());
    },
  };
}

/** @param {string} text */
function toClipboard(text) {
  // Pages from another machine without https have no clipboard; then the copy kept here remains.
  navigator.clipboard?.writeText(text).catch(() => undefined);
}

/** @returns {Promise<File | undefined>} */
async function pictureInClipboard() {
  try {
    for (const item of await navigator.clipboard.read()) {
      const type = item.types.find((name) => name.startsWith("image/"));
      if (type) return new File([await item.getType(type)], `pasted.${type.slice(6)}`, { type });
    }
  } catch {
    // Not on a trusted page, or not allowed.
  }
  return undefined;
}

/** @returns {Promise<string>} */
async function fromClipboard() {
  try {
    return await navigator.clipboard.readText();
  } catch {
    return lastCopied;
  }
}

/**
 * Copy the selected keyframes, or else the selected objects.
 * @param {Session} session
 * @param {Texts} texts
 * @param {(text: string) => void} write
 * @returns {boolean} false, and nothing is written, when nothing is selected
 */
function copySelected(session, texts, write) {
  const { keys, ids, document } = session.state;
  if (!keys.length && !ids.length) return false;
  lastCopied = keys.length ? copyKeyframes(document, { selection: keys }) : copyObjects(document, { ids });
  write(lastCopied);
  session.say(texts.saidCopied);
  return true;
}

/**
 * Copy, cut and paste while the editor has the keys.
 * @param {HTMLElement} sink the field that has the focus
 * @param {Session} session
 * @param {Texts} texts
 * @param {(files: File[]) => void} take what is done with pasted files
 */
export function installClipboard(sink, session, texts, take) {
  /** @param {ClipboardEvent} event */
  function copy(event) {
    if (!copySelected(session, texts, (text) => event.clipboardData?.setData("text/plain", text))) return;
    event.preventDefault();
    event.stopPropagation();
    if (event.type === "cut") removeSelected(session, texts);
  }

  sink.addEventListener("copy", copy);
  sink.addEventListener("cut", copy);
  sink.addEventListener("paste", (event) => {
    event.preventDefault();
    event.stopPropagation();
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) take(files);
    else paste(session, texts, event.clipboardData?.getData("text/plain") ?? "");
  });
}

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {string} text untrusted
 */
function paste(session, texts, text) {
  const { clip, problem } = parseClip(text);
  if (problem !== undefined) session.say(problem, true);
  else if (!clip) {
    const found = parse(text);
    if (found.document) session.edit(texts.stepPaste, () => found.document, { ids: [], keys: [], message: texts.saidPasted });
    else session.say(texts.saidNothing, true);
  } else if (clip.kind === "keyframes") {
    const { ids, frame } = session.state;
    session.edit(texts.stepPaste, (document) => pasteKeyframes(document, { clip, ids, frame }), { message: texts.saidPasted });
  } else if (session.edit(texts.stepPaste, (document) => pasteObjects(document, { clip }), { message: texts.saidPasted })) {
    const pasted = session.state.document.objects.slice(-clip.document.objects.length);
    session.set({ ids: pasted.map(({ id }) => id), keys: [] });
  }
}
