/** The colours of the canvases, read from the page, so that every ComfyUI theme fits. */

/**
 * @typedef {object} Theme
 * @property {string} text
 * @property {string} muted
 * @property {string} surface behind rows
 * @property {string} stage behind the picture
 * @property {string} line
 * @property {string} accent the playhead
 * @property {string} font
 */

/** Guides and the marquee: a colour far from every palette colour on most pictures. */
export const GUIDE = "#ff3fd0";

/** By element, until the page's theme may have changed: reading it takes longer than drawing. @type {WeakMap<Element, Theme>} */
let known = new WeakMap();
let watching = false;

/**
 * @param {Element} root an element that carries our style sheet
 * @returns {Theme}
 */
export function readTheme(root) {
  const before = known.get(root);
  if (before) return before;
  if (!watching) {
    watching = true;
    watchTheme(() => {
      known = new WeakMap();
    });
  }
  const style = getComputedStyle(root);
  const theme = themeOf(style);
  // Out of the page, and before its style sheet is there, an element has no theme yet.
  if (style.getPropertyValue("--fm-text")) known.set(root, theme);
  return theme;
}

/** @param {CSSStyleDeclaration} style @returns {Theme} */
function themeOf(style) {
  /** @param {string} name @param {string} otherwise */
  const read = (name, otherwise) => style.getPropertyValue(name).trim() || otherwise;
  return {
    text: read("--fm-text", "#ddd"),
    muted: read("--fm-muted", "#999"),
    surface: read("--fm-surface", "#222"),
    stage: read("--fm-stage", "#161616"),
    line: read("--fm-line", "#444"),
    accent: read("--fm-accent", "#4aa3ff"),
    font: style.fontFamily || "sans-serif",
  };
}

/**
 * Call back when the page's theme may have changed: ComfyUI sets its palette as classes and variables on the document.
 * @param {() => void} onChange
 * @returns {() => void} stop watching
 */
export function watchTheme(onChange) {
  const observer = new MutationObserver(onChange);
  for (const target of [document.documentElement, document.body]) {
    observer.observe(target, { attributes: true, attributeFilter: ["class", "style"] });
  }
  return () => observer.disconnect();
}

/**
 * Black or white, whichever reads better on a colour (WCAG relative luminance).
 * @param {string} color "#rrggbb"
 * @returns {string}
 */
export function readableOn(color) {
  const value = Number.parseInt(color.slice(1), 16);
  const [r, g, b] = [value >> 16, (value >> 8) & 255, value & 255].map((channel) => {
    const c = channel / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.18 ? "#000000" : "#ffffff";
}

/**
 * A colour with an opacity.
 * @param {string} color "#rrggbb"
 * @param {number} alpha 0 to 1
 * @returns {string}
 */
export function faded(color, alpha) {
  return `${color}${Math.round(alpha * 255).toString(16).padStart(2, "0")}`;
}
