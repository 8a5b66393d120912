/** Hints before a run, in Chinese. {0}, {1} stand for values. @type {typeof import("./hints_en.js").HINTS_EN} */
export const HINTS_ZH = {
  hints: "运行前的提示",
  hintCount: "运行前的提示：{0}",
  hintsOfObject: "{0} 的提示：{1}",
  hintLine: "{0}：{1}",
  hint_fast: "从第 {0} 帧起，每帧移动超过自身大小的一半。模型可能跟丢，请给它更多帧。",
  hint_returns: "离开画面后，在第 {0} 帧从别处回来。模型可能把它当成另一个物体。",
  hint_grows: "第 {0} 帧之后大小突变。请把变化分到更多帧。",
  hint_small: "第 {0} 帧小于 16 像素，即模型的一个单元。可能不会跟随。",
  hint_doubled: "第 {0} 帧与 {1} 的位置几乎相同。一个物体上的两个框会互相拉扯。",
  hint_empty: "第 {0} 帧的框里没有可见的内容。请把它放到物体上。",
};
