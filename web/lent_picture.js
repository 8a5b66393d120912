/**
 * The start picture that nodes/carried.py lends to the tiny workflows. It lies among ComfyUI's temporary files, which Load Image does not list,
 * and frontend 1.47 calls a picture missing that is not in the list.
 */

/** @import { ComfyNode } from "./upstream.js" */

export const LENT = "flashmotion_scene_0.png [temp]";

/**
 * Offer the lent picture in a loader that has chosen it.
 * @param {ComfyNode} node that was loaded
 */
export function listLent(node) {
  const options = node.widgets?.find(({ value }) => value === LENT)?.options;
  // All loaders share one list.
  if (Array.isArray(options?.values) && !options.values.includes(LENT)) options.values = [...options.values, LENT];
}
