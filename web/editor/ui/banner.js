/**
 * Shown in place of the editor when the loaded text is not a document: the reason, and the text, which stays as it is until
 * the user changes it on purpose.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Texts } from "../texts/texts.js"
 */

import { element, setHidden, setText } from "./dom.js";
import { emptyDocument, parse } from "../model/document.js";

/**
 * @param {Session} session
 * @param {Texts} texts
 * @returns {{element: HTMLElement, update: () => void}}
 */
export function createBanner(session, texts) {
  const problem = element("p", { class: "fm-problem", role: "alert" });
  const text = element("textarea", { class: "fm-raw", "aria-label": texts.brokenText, spellcheck: "false" });
  const retry = element("button", { type: "button", class: "fm-primary" }, texts.brokenRetry);
  const fresh = element("button", { type: "button", class: "fm-plain" }, texts.brokenNew);
  const box = element("div", { class: "fm-banner", hidden: true },
    element("strong", {}, texts.brokenTitle), problem, element("span", {}, texts.brokenMore), text, element("div", { class: "fm-row" }, retry, fresh));
  let shown = "";

  retry.addEventListener("click", () => {
    const found = parse(text.value);
    if (found.document) session.replace(found.document);
    else setText(problem, found.problem);
  });
  fresh.addEventListener("click", () => session.replace(emptyDocument([1280, 704], 121)));
  for (const name of ["keydown", "wheel"]) text.addEventListener(name, (event) => event.stopPropagation());

  return {
    element: box,
    update() {
      const now = session.state.problem;
      setHidden(box, now === undefined);
      if (now === undefined || shown === session.text()) return;
      shown = session.text();
      setText(problem, now);
      text.value = shown;
    },
  };
}
