/**
 * Select by click: looks for the thing at a place of frame 0 and makes an object around it, or adds it to one. The search runs in small
 * pieces of time, so that the page stays alive, and can be given up.
 *
 * @import { Session } from "../edit/session.js"
 * @import { FirstShape } from "../model/types.js"
 * @import { Point } from "../model/geometry.js"
 * @import { Thing, Things } from "../model/find_things.js"
 * @import { Texts } from "../texts/texts.js"
 * @import { Drawable } from "./view_draw.js"
 *
 * @typedef {"new" | "add" | "take"} How a new object (the same place again: the next larger thing); more of the selected one; less of it
 *
 * @typedef {object} ThingFinder
 * @property {(at: Point, how: How, near: Point) => void} pick at: fractions of the frame; near: how far away a click still counts as the same
 * @property {(keys: {readonly shiftKey: boolean, readonly altKey: boolean}) => How} howFor a click with these keys
 * @property {() => boolean} cancel the search under way; false when there is none
 * @property {() => boolean} isBusy
 * @property {() => boolean} atStart whether frame 0 of the picture is in sight; if not it is shown, and the user told to try again
 */

import { findThings } from "../model/find_things.js";
import { nextName } from "../edit/names.js";
import { addThing, boxHolds, combineShape, setShape } from "../edit/shapes.js";
import { fill } from "../texts/texts.js";
import { createReader } from "./read_part.js";

/** Milliseconds at a time. */
const SLICE_MS = 8;

/**
 * @param {Session} session
 * @param {Texts} texts
 * @param {() => Drawable | undefined} firstPicture the picture of frame 0, once it is loaded
 * @returns {ThingFinder}
 */
export function createThings(session, texts, firstPicture) {
  /** What the last click found. @type {{at: Point, source: CanvasImageSource, size: string, things: Things, place: number, id: string, shape: FirstShape | undefined} | undefined} */
  let last;
  /** The search under way. @type {object | undefined} */
  let search;

  /** @template T @param {Generator<undefined, T>} work @param {(found: T) => void} done */
  function inSlices(work, done) {
    const own = {};
    search = own;
    const { size } = session.state.document;
    const step = () => {
      if (search !== own) return;
      // The picture is cropped in another way, or belongs to another document.
      if (session.state.problem !== undefined || String(session.state.document.size) !== String(size)) {
        search = undefined;
        return;
      }
      const until = performance.now() + SLICE_MS;
      let found;
      do found = work.next();
      while (!found.done && performance.now() < until);
      if (!found.done) {
        setTimeout(step);
        return;
      }
      search = undefined;
      done(found.value);
    };
    setTimeout(step);
  }

  function atStart() {
    const { frame, behind, problem } = session.state;
    if (problem !== undefined) return false;
    if (frame === 0 && behind === "picture") return true;
    session.set({ frame: 0, behind: "picture", playing: false, message: texts.thingAtStart, alarm: false });
    return false;
  }

  /** @param {Point} at @param {How} how @param {Point} near */
  function pick(at, how, near) {
    if (!atStart()) return;
    const [x, y] = [at.x, at.y];
    if (x < 0 || y < 0 || x >= 1 || y >= 1) return;
    const picture = firstPicture();
    const isSeeking = picture && "seeking" in picture.source && picture.source.seeking;
    if (!picture || isSeeking) {
      session.say(texts.thingNoPicture, true);
      return;
    }
    const { document, ids, locked } = session.state;
    if (how !== "new" && ids.length !== 1) {
      session.say(texts.thingSelectOne, true);
      return;
    }
    const again = how === "new" && last && isSame(last, at, near, picture) ? last : undefined;
    const changed = how === "new" ? again?.id : ids[0];
    if (changed !== undefined && locked.includes(changed)) {
      session.say(texts.maskLocked, true);
      return;
    }
    if (again && again.things.count === 1) {
      session.say(texts.thingOnly);
      return;
    }
    if (again) {
      again.place = (again.place + 1) % again.things.count;
      outline(again.things, again.place, (thing) => put(thing, again.things, again.place, at, picture, again.id));
      return;
    }
    const read = createReader(picture, document.size);
    if (!read) {
      session.say(texts.thingUnreadable, true);
      return;
    }
    session.say(texts.thingSearch);
    inSlices(findThings(read, at), (things) =>
      outline(things, things.best, (thing) => (how === "new" ? put(thing, things, things.best, at, picture, boxFor(at)) : combine(thing, how === "add"))),
    );
  }

  /** @param {Things} things @param {number} place @param {(thing: Thing) => void} done */
  function outline(things, place, done) {
    inSlices(things.outline(place), done);
  }

  /** The selected object whose box was drawn around the place, and that has no shape yet. @param {Point} at */
  function boxFor(at) {
    const { ids, document, locked } = session.state;
    const object = ids.length === 1 ? document.objects.find(({ id }) => id === ids[0]) : undefined;
    return object && !object.shape && !locked.includes(object.id) && boxHolds(document, object.id, at) ? object.id : undefined;
  }

  /** @param {Thing} thing @param {Things} things @param {number} place @param {Point} at @param {Drawable} picture @param {string | undefined} id */
  function put(thing, things, place, at, picture, id) {
    const sheet = { part: thing.box, mask: thing.mask };
    const message = said(thing, things.count, place);
    const label = nextName(session.state.document.objects, (n) => fill(texts.objectName, n));
    const made = session.edit(texts.stepThing, (document) =>
      id !== undefined && document.objects.some((object) => object.id === id) ? setShape(document, { id, thing: sheet }) : addThing(document, { thing: sheet, label }), { message });
    if (!made) return;
    const { objects, size } = session.state.document;
    const object = objects.find((one) => one.id === id) ?? objects[objects.length - 1];
    last = { at, source: picture.source, size: String(size), things, place, id: object.id, shape: object.shape };
    session.set({ ids: [object.id], keys: [] });
  }

  /** @param {Thing} thing @param {boolean} add */
  function combine(thing, add) {
    const [id] = session.state.ids;
    last = undefined;
    if (id === undefined) return;
    session.edit(add ? texts.stepMaskAdd : texts.stepMaskTake, (document) =>
      combineShape(document, { id, thing: { part: thing.box, mask: thing.mask }, add }), { message: add ? texts.saidMaskAdded : texts.saidMaskTaken });
  }

  /** @param {Thing} thing @param {number} count @param {number} place */
  function said({ box }, count, place) {
    const { size } = session.state.document;
    const pixels = [box.w * size[0], box.h * size[1]].map((side) => Math.max(Math.round(side), 1));
    const text = fill(texts.saidThing, ...pixels);
    if (count === 1) return text;
    return `${text} ${place + 1 < count ? fill(texts.saidThingMore, place + 1, count) : fill(texts.saidThingLargest, count)}`;
  }

  /** @param {NonNullable<typeof last>} known @param {Point} at @param {Point} near @param {Drawable} picture */
  function isSame(known, at, near, picture) {
    const { document } = session.state;
    const isThere = document.objects.some(({ id, shape }) => id === known.id && shape === known.shape);
    const isNear = Math.abs(at.x - known.at.x) <= near.x && Math.abs(at.y - known.at.y) <= near.y;
    return isThere && isNear && known.source === picture.source && known.size === String(document.size);
  }

  return {
    pick,
    atStart,
    howFor: ({ shiftKey, altKey }) => (altKey ? "take" : shiftKey ? "add" : session.state.thingHow),
    isBusy: () => search !== undefined,
    cancel() {
      if (!search) return false;
      search = undefined;
      session.say(texts.thingCancelled);
      return true;
    },
  };
}
