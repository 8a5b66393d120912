/**
 * Boxes on the first picture of a video: drawn, moved and resized by pointer or keys, as in the editor.
 *
 * @import { Box } from "../model/types.js"
 * @import { Texts } from "../texts/texts.js"
 *
 * @typedef {object} Marked
 * @property {string} [id] of the document's object that it belongs to
 * @property {string} label
 * @property {string} color "#rrggbb"
 * @property {Box} box fractions of the video's picture
 *
 * @typedef {object} VideoBoxes
 * @property {HTMLElement} element lies over the picture
 * @property {readonly Marked[]} marked
 * @property {(box?: Box) => void} add
 * @property {(boxes: readonly (Box | undefined)[] | undefined) => void} show other boxes for a while; a box that is missing is out of sight
 */

import { element, setChildren } from "../ui/dom.js";
import { fill } from "../texts/texts.js";
import { withoutFling } from "../ui/touch.js";

/** Of the picture's sides. */
const SMALLEST = 0.01;
/** From a corner, in pixels of the page. */
const GRIP = { mouse: 9, pen: 16, touch: 24 };
const KEYS = /** @type {Readonly<Record<string, readonly [number, number]>>} */ ({ ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] });
const MIDDLE = { x: 0.5, y: 0.5, w: 0.25, h: 0.35 };

/** @typedef {{left: number, top: number, right: number, bottom: number}} Edges */

/**
 * @param {Texts} texts
 * @param {readonly [number, number]} size of the video in pixels
 * @param {readonly Marked[]} given
 * @param {() => {label: string, color: string}} next what a new box is called
 * @param {() => void} changed
 * @returns {VideoBoxes}
 */
export function createVideoBoxes(texts, size, given, next, changed) {
  let marked = [...given];
  /** @type {readonly (Box | undefined)[] | undefined} */
  let shown;
  /** @type {WeakMap<Marked, HTMLButtonElement>} */
  const buttons = new WeakMap();
  const layer = element("div", { class: "fm-video-boxes" });

  /** @param {Marked} one */
  function buttonOf(one) {
    const known = buttons.get(one);
    if (known) return known;
    const corners = ["nw", "ne", "sw", "se"].map((place) => element("i", { class: `fm-video-grip fm-${place}` }));
    const made = element("button", { type: "button", class: "fm-video-box", "aria-label": fill(texts.videoBox, one.label) }, element("span", {}, one.label), ...corners);
    made.style.setProperty("--fm-object", one.color);
    made.addEventListener("pointerdown", (event) => grab(event, one));
    made.addEventListener("keydown", (event) => press(event, one));
    buttons.set(one, made);
    return made;
  }

  function draw() {
    setChildren(layer, marked.map(buttonOf));
    marked.forEach((one, index) => {
      const box = shown ? shown[index] : one.box;
      const button = buttonOf(one);
      button.classList.toggle("fm-lost", !box);
      if (box) Object.assign(button.style, placeOf(box));
    });
  }

  /** @param {Marked} one @param {Box} box */
  function put(one, box) {
    one.box = box;
    draw();
    changed();
  }

  /** @param {Marked} one */
  function remove(one) {
    marked = marked.filter((other) => other !== one);
    draw();
    layer.querySelector("button")?.focus();
    changed();
  }

  /** @param {PointerEvent} event @returns {[number, number]} */
  function at(event) {
    const { left, top, width, height } = layer.getBoundingClientRect();
    return [Math.min(Math.max((event.clientX - left) / width, 0), 1), Math.min(Math.max((event.clientY - top) / height, 0), 1)];
  }

  /**
   * Follow a pointer until it lets go.
   * @param {PointerEvent} event
   * @param {Element} target
   * @param {(place: [number, number]) => void} move
   * @param {() => void} [end]
   */
  function follow(event, target, move, end = () => undefined) {
    const listening = new AbortController();
    target.setPointerCapture(event.pointerId);
    target.addEventListener("pointermove", (moved) => move(at(/** @type {PointerEvent} */ (moved))), { signal: listening.signal });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      target.addEventListener(name, () => {
        if (listening.signal.aborted) return;
        listening.abort();
        end();
      }, { signal: listening.signal });
    }
  }

  /** @param {PointerEvent} event @param {Marked} one */
  function grab(event, one) {
    if (event.button !== 0) return;
    event.stopPropagation();
    const [x0, y0] = at(event);
    const { box } = one;
    const edges = edgesOf(box);
    const { width, height } = layer.getBoundingClientRect();
    const reach = GRIP[/** @type {keyof typeof GRIP} */ (event.pointerType)] ?? GRIP.mouse;
    /** @param {number} value @param {number} edge @param {number} side */
    const near = (value, edge, side) => Math.abs(value - edge) * side <= reach;
    const [west, east] = [near(x0, edges.left, width), near(x0, edges.right, width)];
    const [north, south] = [near(y0, edges.top, height), near(y0, edges.bottom, height)];
    const corner = (west || east) && (north || south);
    follow(event, buttonOf(one), ([x, y]) => {
      if (!corner) put(one, inside({ ...box, x: box.x + x - x0, y: box.y + y - y0 }));
      else put(one, boxOf({ ...edges, ...(west ? { left: x } : { right: x }), ...(north ? { top: y } : { bottom: y }) }));
    });
  }

  /** @param {KeyboardEvent} event @param {Marked} one */
  function press(event, one) {
    const way = KEYS[event.key];
    if (event.key === "Delete" || event.key === "Backspace") remove(one);
    else if (!way) return;
    else {
      const [dx, dy] = way.map((direction, axis) => (direction * (event.shiftKey ? 10 : 1)) / size[axis]);
      const { box } = one;
      put(one, inside(event.altKey ? { ...box, w: Math.max(box.w + dx, SMALLEST), h: Math.max(box.h - dy, SMALLEST) } : { ...box, x: box.x + dx, y: box.y + dy }));
    }
    event.preventDefault();
  }

  withoutFling(layer);
  layer.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || event.target !== layer) return;
    const [x0, y0] = at(event);
    /** @type {Marked | undefined} */
    let made;
    follow(event, layer, ([x, y]) => {
      const box = boxOf({ left: x0, top: y0, right: x, bottom: y });
      if (!made && Math.min(box.w, box.h) <= SMALLEST) return;
      made ??= addNew(box);
      put(made, box);
    }, () => made && buttonOf(made).focus());
  });

  /** @param {Box} box */
  function addNew(box) {
    const made = { ...next(), box };
    marked = [...marked, made];
    return made;
  }

  draw();
  return {
    element: layer,
    get marked() {
      return marked;
    },
    add(box = MIDDLE) {
      const made = addNew(box);
      draw();
      buttonOf(made).focus();
      changed();
    },
    show(boxes) {
      shown = boxes;
      draw();
    },
  };
}

/** @param {Box} box */
function placeOf({ x, y, w, h }) {
  return { left: `${(x - w / 2) * 100}%`, top: `${(y - h / 2) * 100}%`, width: `${w * 100}%`, height: `${h * 100}%` };
}

/** @param {Box} box @returns {Edges} */
function edgesOf({ x, y, w, h }) {
  return { left: x - w / 2, top: y - h / 2, right: x + w / 2, bottom: y + h / 2 };
}

/** @param {Edges} edges @returns {Box} */
function boxOf({ left, top, right, bottom }) {
  return { x: (left + right) / 2, y: (top + bottom) / 2, w: Math.max(Math.abs(right - left), SMALLEST), h: Math.max(Math.abs(bottom - top), SMALLEST) };
}

/** The box with its centre on the picture. @param {Box} box @returns {Box} */
function inside({ x, y, w, h }) {
  return { x: Math.min(Math.max(x, 0), 1), y: Math.min(Math.max(y, 0), 1), w: Math.min(w, 1), h: Math.min(h, 1) };
}
