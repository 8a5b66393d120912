/**
 * The control map of a frame as something to draw; rendered once per document and frame.
 *
 * @import { Document, Sampled } from "../model/types.js"
 * @import { Drawable } from "./view_draw.js"
 */

import { renderControlMap } from "../model/control_map.js";
import { element } from "../ui/dom.js";
import { sampleDocument } from "../model/sample.js";

/** @returns {(document: Document, frame: number) => Drawable} */
export function createMapPicture() {
  const canvas = element("canvas");
  /** @type {Document | undefined} */
  let sampledFor;
  /** @type {Sampled | undefined} */
  let sampled;
  let drawnFrame = -1;
  return (document, frame) => {
    if (!sampled || sampledFor !== document) {
      sampled = sampleDocument(document);
      sampledFor = document;
      drawnFrame = -1;
    }
    if (drawnFrame !== frame) {
      const { width, height, data } = renderControlMap(sampled, frame);
      canvas.width = width;
      canvas.height = height;
      canvas.getContext("2d")?.putImageData(new ImageData(data, width, height), 0, 0);
      drawnFrame = frame;
    }
    return { source: canvas, width: canvas.width, height: canvas.height };
  };
}
