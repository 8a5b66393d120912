/** JavaScript's side of fuzz_tables.py: one JSON text a line on stdin, one JSON result a line on stdout. */

import process from "node:process";

import { parse, stringify } from "../web/editor/model/document.js";
import { readTracks } from "../web/editor/model/import_tracks.js";
import { serve } from "./fuzz_worker.js";

const size = process.argv.slice(2).map(Number);

/** @param {string} text */
function read(text) {
  const { document, notices } = readTracks(text, { size });
  const canonical = stringify(document);
  const back = parse(canonical).document;
  if (!back || stringify(back) !== canonical) return { crash: "another document after writing and reading" };
  return { canonical, notices: notices.map(({ name, values }) => [name, ...values]) };
}

await serve(read);
