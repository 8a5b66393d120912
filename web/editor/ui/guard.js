/**
 * A number field that refuses what would fail later: it says why and offers the nearest value that is right, for a click or another Enter.
 *
 * @import { Nearest } from "../model/nearest.js"
 *
 * @typedef {object} Rule
 * @property {Nearest} nearest
 * @property {string} why one sentence
 * @property {string} use the offer, with {0} for the value
 *
 * @typedef {object} Guard
 * @property {() => number | undefined} read the field's value if it is right; undefined: refused, or no number
 * @property {() => void} close take the offer back
 * @property {boolean} refuses whether an offer is shown
 */

import { element } from "./dom.js";
import { fill } from "../texts/texts.js";

/** Makes element ids unique in the page. */
let made = 0;

/**
 * @param {HTMLInputElement} input in a document
 * @param {() => Rule | undefined} rule undefined: every number is right
 * @param {(value: number | undefined) => void} settle the user took the offer (its value), or left the field as it was (undefined)
 * @returns {Guard}
 */
export function guardNumber(input, rule, settle) {
  /** @type {{typed: string, right: number, close: () => void} | undefined} */
  let offer;

  /** @param {number} right @param {Rule} wanted */
  function refuse(right, { why, use }) {
    offer?.close();
    made += 1;
    const reason = element("span", { id: `fm-why-${made}` }, why);
    const button = element("button", { type: "button", class: "fm-plain" }, fill(use, right));
    const bubble = element("div", { class: "fm-offer", popover: "manual", role: "alert" }, reason, button);
    const listening = new AbortController();
    offer = {
      typed: input.value,
      right,
      close() {
        offer = undefined;
        listening.abort();
        bubble.remove();
        for (const name of ["aria-invalid", "aria-describedby"]) input.removeAttribute(name);
      },
    };
    button.addEventListener("click", () => take(right));
    bubble.addEventListener("pointerdown", (event) => event.stopPropagation());
    // The next thing the user does elsewhere leaves the field as it was.
    for (const name of ["pointerdown", "keydown"]) {
      document.addEventListener(name, (event) => {
        const inside = event.target instanceof Node && (event.target === input || bubble.contains(event.target));
        if (!inside) leave();
      }, { capture: true, signal: listening.signal });
    }
    // In the field's label a click on the button would be one on the field.
    (input.closest("label") ?? input).after(bubble);
    bubble.showPopover();
    const [field, { offsetWidth: w, offsetHeight: h }] = [input.getBoundingClientRect(), bubble];
    const below = field.bottom + 6 + h <= innerHeight;
    bubble.style.left = `${Math.max(Math.min(field.left, innerWidth - w - 8), 8)}px`;
    bubble.style.top = `${below ? field.bottom + 6 : field.top - h - 6}px`;
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", reason.id);
  }

  /** @param {number} right */
  function take(right) {
    offer?.close();
    Object.assign(input, { value: String(right) });
    input.focus({ preventScroll: true });
    settle(right);
  }

  function leave() {
    offer?.close();
    settle(undefined);
  }

  input.addEventListener("keydown", (event) => {
    if (!offer) return;
    if (event.key === "Escape") {
      event.preventDefault();
      event.stopPropagation();
      leave();
    } else if (event.key === "Enter" && input.value === offer.typed) {
      event.preventDefault();
      take(offer.right);
    }
  });

  return {
    get refuses() {
      return offer !== undefined;
    },
    close: () => offer?.close(),
    read() {
      const value = input.valueAsNumber;
      const wanted = rule();
      if (!Number.isFinite(value)) return undefined;
      const right = wanted ? wanted.nearest(value) : value;
      if (right === value) {
        offer?.close();
        return value;
      }
      if (wanted && (offer?.typed !== input.value || offer.right !== right)) refuse(right, wanted);
      return undefined;
    },
  };
}
