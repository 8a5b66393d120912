/** JavaScript's side of fuzz_documents.py: one JSON text a line on stdin, one JSON result a line on stdout. */

import { parse, stringify } from "../web/editor/model/document.js";
import { serve } from "./fuzz_worker.js";

/** @param {string} text */
function read(text) {
  const { document, problem } = parse(text);
  if (!document) return { problem };
  const canonical = stringify(document);
  const back = parse(canonical).document;
  if (!back || stringify(back) !== canonical) return { crash: "another document after writing and reading" };
  return { canonical };
}

await serve(read);
