/**
 * What lies behind the boxes at a frame: the picture, with its cut-outs if they are asked for, what a run made of it, or the control map.
 *
 * @import { Session } from "../edit/session.js"
 * @import { Preview } from "./cutout_picture.js"
 * @import { Drawable } from "./view_draw.js"
 *
 * @typedef {object} Backdrop
 * @property {Drawable | undefined} drawable
 * @property {boolean} covers whether it already has the frame's shape
 * @property {boolean} dimmed whether it is not the one that the node gets
 * @property {Preview} [preview] the cut-outs over it
 */

import { createCutoutPicture } from "./cutout_picture.js";
import { createMapPicture } from "./map_picture.js";

/**
 * @param {Session} session
 * @param {ReturnType<import("./pictures.js").createPictures>} pictures
 * @param {ReturnType<import("./result_picture.js").createResultPicture>} results
 * @param {() => void} onChange called when there is something new to draw
 * @returns {(frame: number) => Backdrop}
 */
export function createBehind(session, pictures, results, onChange) {
  const mapPicture = createMapPicture();
  const cutouts = createCutoutPicture(onChange);
  return (frame) => {
    const { shown: document, state } = session;
    if (state.behind === "map") return { drawable: mapPicture(document, frame), covers: true, dimmed: false };
    const made = state.behind === "result" ? results.at(frame, document.fps) : undefined;
    if (made) return { drawable: made, covers: false, dimmed: false };
    const drawable = pictures.at(frame, document.fps);
    // A video, or pictures of several frames, show more than the first one's objects.
    const preview = state.cutouts && pictures.still
      ? cutouts({ document, frame, picture: drawable, unseen: state.unseen, busy: state.draft !== undefined, playing: state.playing })
      : undefined;
    return { drawable, covers: false, dimmed: pictures.notice !== undefined, preview };
  };
}
