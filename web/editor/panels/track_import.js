/**
 * Open a text: a document replaces the old one at once, as a table of ours does; for tracks of a tool a panel shows what was
 * recognised and asks what the file does not say.
 *
 * @import { Document } from "../model/types.js"
 * @import { Notice, TrackTable } from "../model/track_table.js"
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {{session: Session, texts: Texts, root: () => HTMLElement, beside: () => {left: number, top: number, bottom: number}}} ImportContext
 */

import { cover } from "../edit/cover.js";
import { parse } from "../model/document.js";
import { recognise } from "../model/import_tracks.js";
import { MAX_OBJECTS, MAX_SIDE, MIN_SIDE } from "../model/limits.js";
import { lowestFrame, objectsOf, toDocument } from "../model/track_table.js";
import { element, iconButton } from "../ui/dom.js";
import { choiceField } from "../ui/fields.js";
import { openPopup } from "../ui/popup.js";
import { fill } from "../texts/texts.js";

/**
 * @param {ImportContext} context
 * @param {string} name of the file
 * @param {string} text untrusted
 */
export function importText(context, name, text) {
  const { session, texts } = context;
  try {
    const table = recognise(text, session.state.document.size);
    if (!table) {
      session.edit(texts.stepImport, () => read(text), { ids: [], keys: [], message: fill(texts.saidImported, name) });
    } else if (isPlain(table)) take(context, name, table, { size: session.state.document.size });
    else openTracks(context, name, table);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    session.say(error.message, true);
  }
}

/** @param {string} text @returns {Document} */
function read(text) {
  const found = parse(text);
  if (!found.document) throw new RangeError(found.problem);
  return found.document;
}

/** Whether nothing is to be asked: a table as the editor saves it. @param {TrackTable} table */
function isPlain(table) {
  return table.format === "FlashMotion CSV" && !table.fractions && !table.notices.length && lowestFrame(table.rows) === 0 && objectsOf(table).size <= MAX_OBJECTS;
}

/**
 * Replace the document; its size and speed stay.
 * @param {ImportContext} context
 * @param {string} name
 * @param {TrackTable} table
 * @param {import("../model/track_table.js").TrackChoices} choices
 * @returns {boolean} whether it worked; if not, the reason is shown
 */
function take({ session, texts }, name, table, choices) {
  /** @type {readonly Notice[]} */
  let notices = [];
  const done = session.edit(texts.stepImport, ({ size, fps }) => {
    const found = toDocument(table, { ...choices, fps });
    ({ notices } = found);
    return found.document.size.every((side, index) => side === size[index]) ? found.document : cover(found.document, size);
  }, { ids: [], keys: [] });
  if (done) session.say([fill(texts.saidImported, name), ...notices.map((notice) => sentence(texts, notice))].join(" "));
  return done;
}

/** @param {Texts} texts @param {Notice} notice */
function sentence(texts, { name, values }) {
  return fill(texts[`notice_${name}`], ...values);
}

/**
 * @param {ImportContext} context
 * @param {string} name
 * @param {TrackTable} table
 */
function openTracks(context, name, table) {
  const { session, texts, root, beside } = context;
  const counts = objectsOf(table);
  const [width, height] = session.state.document.size;
  const counted = choiceField(texts.tracksCounted, [["0", "0"], ["1", "1"]], () => undefined);
  counted.value = String(table.countedFrom);
  const units = choiceField(texts.tracksUnits, [["pixels", texts.tracksPixels], ["fractions", texts.tracksFractions]], update);
  units.value = table.fractions ? "fractions" : "pixels";
  const [across, down] = [width, height].map((value) => element("input", { type: "number", min: MIN_SIDE, max: MAX_SIDE, step: 1, value, "aria-label": texts.tracksSize }));
  const tolerance = element("input", { type: "number", min: 0, max: 200, step: "any", value: 0 });
  const last = table.rows.reduce((most, { frame }) => Math.max(most, frame), 0);
  const boxes = chooser(counts);
  const size = element("label", {}, element("span", {}, texts.tracksSize), element("span", { class: "fm-pair" }, across, down));

  function update() {
    size.hidden = table.size !== undefined || units.value === "fractions";
  }

  const title = fill(texts.importTracks, name);
  const body = element("form", { class: "fm-form fm-import", "aria-label": title },
    element("div", { class: "fm-form-head" }, element("strong", {}, title), iconButton("close", texts.close, () => close())),
    element("p", {}, fill(texts.tracksFound, table.format, counts.size, lowestFrame(table.rows), last)),
    ...table.notices.map((notice) => element("p", {}, sentence(texts, notice))),
    labelled(texts.tracksCounted, counted), labelled(texts.tracksUnits, units), size, labelled(texts.tracksTolerance, tolerance));
  if (counts.size > 1) {
    const none = element("button", { type: "button", class: "fm-plain" }, texts.tracksNone);
    none.addEventListener("click", () => {
      for (const box of boxes) box.checked = false;
    });
    body.append(element("fieldset", {}, element("legend", {}, fill(texts.tracksObjects, MAX_OBJECTS)),
      ...boxes.map((box) => element("label", {}, element("span", {}, fill(texts.tracksRows, box.value, counts.get(box.value) ?? 0)), box))), none);
  }
  body.append(element("button", { type: "submit", class: "fm-primary" }, texts.tracksApply));
  body.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") event.stopPropagation();
  });
  body.addEventListener("submit", (event) => {
    event.preventDefault();
    const done = take(context, name, table, {
      size: [Number(across.value), Number(down.value)],
      tolerance: Number(tolerance.value) || undefined,
      objects: boxes.filter((box) => box.checked).map((box) => box.value),
      countedFrom: Number(counted.value),
      fractions: units.value === "fractions",
    });
    if (done) close();
  });
  update();
  const close = openPopup(root(), beside(), body);
  body.querySelector("button[type=submit]")?.scrollIntoView({ block: "nearest" });
  body.querySelector("select")?.focus();
}

/**
 * A box to tick for each object; ticked are those with the most rows, at most 64.
 * @param {ReadonlyMap<string, number>} counts
 */
function chooser(counts) {
  const most = new Set([...counts].sort(([, one], [, other]) => other - one).slice(0, MAX_OBJECTS).map(([id]) => id));
  return [...counts.keys()].map((id) => element("input", { type: "checkbox", value: id, checked: most.has(id) }));
}

/** @param {string} text @param {HTMLElement} field */
function labelled(text, field) {
  return element("label", {}, element("span", {}, text), field);
}
