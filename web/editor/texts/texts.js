/** The editor's texts by language. @typedef {typeof ENGLISH} Texts */

import { AROUND_EN } from "./around_en.js";
import { AROUND_ZH } from "./around_zh.js";
import { CLIP_EN } from "./clip_en.js";
import { CLIP_ZH } from "./clip_zh.js";
import { CONTROLS_EN } from "./controls_en.js";
import { CONTROLS_ZH } from "./controls_zh.js";
import { CUTOUT_EN } from "./cutout_en.js";
import { CUTOUT_ZH } from "./cutout_zh.js";
import { FILES_EN } from "./files_en.js";
import { FILES_ZH } from "./files_zh.js";
import { HINTS_EN } from "./hints_en.js";
import { HINTS_ZH } from "./hints_zh.js";
import { MESSAGES_EN } from "./messages_en.js";
import { MESSAGES_ZH } from "./messages_zh.js";
import { MOTION_EN } from "./motion_en.js";
import { MOTION_ZH } from "./motion_zh.js";
import { PATHS_EN } from "./paths_en.js";
import { PATHS_ZH } from "./paths_zh.js";
import { VIDEO_EN } from "./video_en.js";
import { VIDEO_ZH } from "./video_zh.js";

export const ENGLISH = { ...AROUND_EN, ...CLIP_EN, ...CONTROLS_EN, ...CUTOUT_EN, ...FILES_EN, ...HINTS_EN, ...MESSAGES_EN, ...MOTION_EN, ...PATHS_EN, ...VIDEO_EN };
export const CHINESE = { ...AROUND_ZH, ...CLIP_ZH, ...CONTROLS_ZH, ...CUTOUT_ZH, ...FILES_ZH, ...HINTS_ZH, ...MESSAGES_ZH, ...MOTION_ZH, ...PATHS_ZH, ...VIDEO_ZH };

/**
 * The texts for a language; English for one we do not have.
 * @param {string} locale such as "en", "zh", "zh-TW"
 * @returns {Texts}
 */
export function textsFor(locale) {
  return locale.toLowerCase().startsWith("zh") ? { ...ENGLISH, ...CHINESE } : ENGLISH;
}

/**
 * Put values into a text.
 * @param {string} text with {0}, {1} ...
 * @param {...(string | number)} values
 * @returns {string}
 */
export function fill(text, ...values) {
  return text.replace(/\{(\d)\}/g, (_, index) => String(values[Number(index)]));
}
