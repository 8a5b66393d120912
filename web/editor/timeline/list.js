/**
 * The list of objects: a listbox beside the timeline's rows, with buttons to show and lock each.
 *
 * @import { DocumentObject } from "../model/types.js"
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} ListActions
 * @property {() => void} rename edit the selected object's name
 * @property {(step: 1 | -1) => void} selectNext
 * @property {(id: string) => readonly string[]} hints what may go wrong with an object in a run
 * @property {(id: string, beside: DOMRect) => void} showHints
 *
 * @typedef {object} Row
 * @property {string} look all that it shows, to fill it only when that changes
 * @property {HTMLElement} option
 * @property {HTMLElement} swatch
 * @property {HTMLElement} name
 * @property {HTMLElement} flags
 * @property {HTMLButtonElement} hint
 * @property {HTMLButtonElement} eye
 * @property {HTMLButtonElement} lock
 */

import { element, icon, iconButton, setAttribute, setChildren, setHidden, setText } from "../ui/dom.js";
import { reorderObject } from "../edit/operations.js";
import { colorOf, nameOf } from "../stage/scene.js";
import { fill } from "../texts/texts.js";
import { rowHeight, withoutFling } from "../ui/touch.js";

/** Makes element ids unique among the editors of a page. */
let editors = 0;

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {ListActions} actions
 * @returns {{list: HTMLElement, flags: HTMLElement, update: () => void}}
 */
export function createList(session, texts, { rename, selectNext, hints, showHints }) {
  editors += 1;
  const prefix = `fm-${editors}`;
  const list = element("div", { class: "fm-list", role: "listbox", tabindex: "0", "aria-label": texts.objects, "aria-multiselectable": "true" });
  const flags = element("div", { class: "fm-flags", role: "group", "aria-label": texts.objects });
  /** @type {Map<string, Row>} */
  const rows = new Map();
  let made = 0;

  /** @param {string} id @returns {Row} */
  function makeRow(id) {
    made += 1;
    const swatch = element("span", { class: "fm-swatch" });
    const name = element("span", { class: "fm-name" });
    const option = element("div", { class: "fm-option", role: "option", id: `${prefix}-${made}`, "data-id": id }, swatch, name);
    const hint = iconButton("hint", "", () => showHints(id, hint.getBoundingClientRect()), { class: "fm-button fm-hint", "aria-haspopup": "dialog" });
    const eye = iconButton("eye", "", () => toggle("unseen", id));
    const lock = iconButton("unlock", "", () => toggle("locked", id));
    option.addEventListener("pointerdown", (event) => begin(event, id));
    withoutFling(option);
    return { look: "", option, swatch, name, hint, eye, lock, flags: element("div", { class: "fm-flag" }, hint, eye, lock) };
  }

  /** @param {"unseen" | "locked"} flag @param {string} id */
  function toggle(flag, id) {
    const now = session.state[flag];
    session.set({ [flag]: now.includes(id) ? now.filter((other) => other !== id) : [...now, id] });
  }

  /** @param {PointerEvent} event @param {string} id */
  function begin(event, id) {
    if (event.button !== 0) return;
    const { ids, document } = session.state;
    const order = document.objects.map((object) => object.id);
    if (event.ctrlKey || event.metaKey) session.set({ ids: ids.includes(id) ? ids.filter((other) => other !== id) : [...ids, id], keys: [] });
    else if (event.shiftKey && ids.length) {
      const [a, b] = [order.indexOf(ids[0]), order.indexOf(id)];
      session.set({ ids: order.slice(Math.min(a, b), Math.max(a, b) + 1), keys: [] });
    } else session.set({ ids: [id], keys: [] });
    drag(event, id, order.indexOf(id));
  }

  /** @param {PointerEvent} event @param {string} id @param {number} from */
  function drag(event, id, from) {
    const listening = new AbortController();
    const { signal } = listening;
    // Captured by the list, because a row that changes its place would lose the pointer.
    if (event.isTrusted) list.setPointerCapture(event.pointerId);
    list.addEventListener("pointermove", (moved) => {
      const rect = list.getBoundingClientRect();
      const y = ((moved.clientY - rect.top) / rect.height) * list.clientHeight;
      const to = Math.min(Math.max(Math.floor(y / rowHeight()), 0), session.state.document.objects.length - 1);
      if (to === from) session.cancel();
      else session.draft((document) => reorderObject(document, { from, to }));
    }, { signal });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      list.addEventListener(name, () => {
        listening.abort();
        if (name === "pointercancel") session.cancel();
        else session.keep(texts.stepOrder, { ids: [id] });
      }, { signal });
    }
  }

  // Not on the rows: the list captures the pointer, so that clicks are its own.
  list.addEventListener("dblclick", rename);
  list.addEventListener("keydown", (event) => {
    const step = { ArrowUp: /** @type {const} */ (-1), ArrowDown: /** @type {const} */ (1) }[event.key];
    if (!step || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    selectNext(step);
  });

  /** @param {DocumentObject} object @param {number} index */
  function fillRow(object, index) {
    const row = rows.get(object.id) ?? makeRow(object.id);
    rows.set(object.id, row);
    const [selected, unseen, locked] = [session.state.ids, session.state.unseen, session.state.locked].map((all) => all.includes(object.id));
    const [name, said] = [nameOf(object), hints(object.id)];
    // Asked for with every move of the pointer, for every row.
    const look = JSON.stringify([index, name, object.color, object.keyframes.length, selected, unseen, locked, said]);
    if (row.look === look) return row;
    row.look = look;
    row.swatch.style.backgroundColor = colorOf(object, index);
    setText(row.name, name);
    setAttribute(row.option, "aria-selected", String(selected));
    setAttribute(row.option, "aria-label", fill(texts.objectRow, name, object.keyframes.length));
    setHidden(row.hint, said.length === 0);
    setAttribute(row.option, "data-hints", said.length > 0);
    setAttribute(row.option, "aria-description", said.join(" ") || undefined);
    for (const attribute of ["aria-label", "title"]) setAttribute(row.hint, attribute, fill(texts.hintsOfObject, name, said.length));
    setFlag(row.eye, unseen, ["eye", "eyeOff"], [fill(texts.hideObject, name), fill(texts.showObject, name)]);
    setFlag(row.lock, locked, ["unlock", "lock"], [fill(texts.lockObject, name), fill(texts.unlockObject, name)]);
    return row;
  }

  return {
    list,
    flags,
    update() {
      const { objects } = session.shown;
      const shown = objects.map(fillRow);
      for (const id of rows.keys()) if (!objects.some((object) => object.id === id)) rows.delete(id);
      setChildren(list, shown.map(({ option }) => option));
      setChildren(flags, shown.map((row) => row.flags));
      const last = session.state.ids.at(-1);
      setAttribute(list, "aria-activedescendant", last === undefined ? undefined : rows.get(last)?.option.id);
    },
  };
}

/** @param {HTMLButtonElement} button @param {boolean} on @param {readonly [string, string]} icons @param {readonly [string, string]} labels */
function setFlag(button, on, icons, labels) {
  const label = labels[on ? 1 : 0];
  if (button.title === label && button.dataset.on === String(on)) return;
  button.title = label;
  button.dataset.on = String(on);
  button.setAttribute("aria-label", label);
  button.replaceChildren(icon(icons[on ? 1 : 0]));
}
