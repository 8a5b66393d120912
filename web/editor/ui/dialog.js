/**
 * The large view: the very same editor, taken out of its node into a dialog over the whole window, and put back.
 *
 * @import { Texts } from "../texts/texts.js"
 */

import { element } from "./dom.js";

/**
 * @param {HTMLElement} home where the editor lives in the node; ComfyUI may move it, but keeps it
 * @param {HTMLElement} editor its child
 * @param {Texts} texts
 * @param {() => void} onMove the editor's size has changed
 * @returns {{toggle: (onClose?: () => void) => void, close: () => void, isOpen: () => boolean}}
 */
export function createDialog(home, editor, texts, onMove) {
  /** @type {HTMLDialogElement | undefined} */
  let dialog;

  /** @param {() => void} [onClose] */
  function open(onClose) {
    const away = element("button", { type: "button", class: "fm-away" }, texts.inLargeView);
    away.addEventListener("click", () => dialog?.close());
    const made = element("dialog", { class: "fm-dialog fm-wrapper", "aria-label": texts.editor });
    dialog = made;
    document.body.append(made);
    home.append(away);
    made.append(editor);
    made.addEventListener("cancel", (event) => {
      // Escape first ends what is under way in the editor. When nothing is, the editor closes this dialog.
      event.preventDefault();
    });
    made.addEventListener("close", () => {
      home.append(editor);
      away.remove();
      made.remove();
      dialog = undefined;
      onMove();
      onClose?.();
    });
    // Keep keys and drags in the dialog from the graph behind it.
    // The editor itself decides which keys are passed on.
    for (const name of ["keyup", "pointerdown", "wheel", "contextmenu", "copy", "paste"]) {
      made.addEventListener(name, (event) => event.stopPropagation());
    }
    made.addEventListener("keydown", (event) => {
      if (event.target === made) event.stopPropagation();
    });
    made.showModal();
    onMove();
  }

  return {
    toggle: (onClose) => (dialog ? dialog.close() : open(onClose)),
    close: () => dialog?.close(),
    isOpen: () => dialog !== undefined,
  };
}
