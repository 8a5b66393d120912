/**
 * The node's inputs `width`, `height` and `length`, and the editor's fields of the clip: each shows what the other says. A widget of 0
 * leaves the field to the document. Does not know the app.
 *
 * @import { Clip, ClipField } from "./editor/edit/clip.js"
 * @import { Entry } from "./entries.js"
 * @import { ComfyNode, Place } from "./upstream.js"
 *
 * @typedef {{size: readonly number[], frames: number}} Measures
 */

import { parse } from "./editor/model/document.js";
import { entries, live, placesAt, resultsOf } from "./entries.js";
import { widgetOf } from "./start_image.js";
import { linkInto, originOf } from "./upstream.js";

/** The node's inputs and the fields they set. @type {readonly (readonly [string, ClipField])[]} */
const INPUTS = [["width", "width"], ["height", "height"], ["length", "frames"]];
/** A node whose widget is its output. */
const CONSTANT = "PrimitiveInt";

/**
 * What the inputs say now.
 * @param {readonly Place[]} places of the node; a node in a subgraph that is used twice has two
 * @param {Measures | undefined} last what the last run made of the clip
 * @returns {Clip}
 */
export function clipOf(places, last) {
  const all = places.map((place) => clipAt(place, last));
  const [clip] = all;
  if (!clip) return { fit: "retime", linked: {} };
  for (const [, field] of INPUTS) {
    if (all.every((other) => other[field] === clip[field])) continue;
    delete clip[field];
    clip.linked = { ...clip.linked, [field]: "unknown" };
  }
  return clip;
}

/** @param {Place} place @param {Measures | undefined} last @returns {Clip} */
function clipAt(place, last) {
  const change = widgetOf(place, "length_change")?.widget.value;
  /** @type {Clip} */
  const clip = { fit: change === "trim" ? "trim" : "retime", linked: {} };
  const ran = { width: last?.size[0], height: last?.size[1], frames: last?.frames };
  for (const [input, field] of INPUTS) {
    const [value, owner] = valueOf(place, input);
    if (value === undefined) {
      clip.linked = { ...clip.linked, [field]: "unknown" };
      if (ran[field] !== undefined) clip[field] = ran[field];
    } else if (value !== 0) {
      clip[field] = value;
      if (owner !== place.node) clip.linked = { ...clip.linked, [field]: "known" };
    }
  }
  return clip;
}

/**
 * An input's value, and the node that decides it.
 * @param {Place} place
 * @param {string} input
 * @returns {[number | undefined, ComfyNode]} undefined: known only after a run
 */
function valueOf(place, input) {
  const found = widgetOf(place, input);
  if (found) return [Number(found.widget.value) || 0, found.owner];
  const slot = place.node.inputs?.findIndex(({ name, widget }) => (widget?.name ?? name) === input) ?? -1;
  if (slot < 0 || !linkInto(place.node, slot)) return [0, place.node];
  const origin = originOf(place, slot);
  if (!origin || !("slot" in origin) || origin.node.type !== CONSTANT) return [undefined, place.node];
  const constant = widgetOf(origin, "value")?.widget.value;
  return [typeof constant === "number" ? constant : undefined, origin.node];
}

/** What the inputs of an editor's node say now. @param {Entry} entry */
export function clipOfEntry(entry) {
  return clipOf(placesAt(entry), resultsOf(entry).measures);
}

/**
 * Bring the node's own widgets to the document's clip; those of 0 say that already.
 * @param {Entry} entry
 */
export function showClip(entry) {
  const [place] = placesAt(entry);
  if (!place) return;
  const { size, frames } = entry.editor.clip();
  const now = { width: size[0], height: size[1], frames };
  for (const [input, field] of INPUTS) {
    const found = widgetOf(place, input);
    if (found?.owner !== place.node || !Number(found.widget.value) || found.widget.value === now[field]) continue;
    Object.assign(found.widget, { value: now[field] });
  }
}

/**
 * The clip of the document that a run resolved.
 * @param {string | undefined} text
 * @returns {Measures | undefined}
 */
export function measuresOf(text) {
  const found = text === undefined ? undefined : parse(text).document;
  return found && { size: found.size, frames: found.frames };
}

/**
 * The document follows when the user changes one of these widgets.
 * @param {ComfyNode} node
 * @param {(run: () => void) => void} later when the change is complete
 */
export function watchClip(node, later) {
  const changed = () => {
    const entry = entries.get(node);
    if (entry && live.has(node)) later(() => entry.editor.changeClip(clipOfEntry(entry)));
  };
  for (const widget of node.widgets ?? []) {
    if (!INPUTS.some(([input]) => input === widget.name) && widget.name !== "length_change") continue;
    const before = widget.callback;
    widget.callback = function (...args) {
      before?.apply(this, args);
      changed();
    };
  }
}
