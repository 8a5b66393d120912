/** An object's path and speed, in Chinese. @type {typeof import("./paths_en.js").PATHS_EN} */
export const PATHS_ZH = {
  showClip: "片段：尺寸、帧数、帧率",
  boxFields: "此帧的方框",
  idleSingle: "方框静止不动：它只有一个关键帧。请转到另一帧并移动它。",
  idleBefore: "在第一个关键帧之前，方框静止不动。",
  idleLast: "在最后一个关键帧之后，方框静止不动。",
  idleStill: "方框静止不动：下一个关键帧的方框与此相同。",
};
