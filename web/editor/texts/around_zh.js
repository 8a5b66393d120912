/** What the editor says about the graph around it, in Chinese. @type {typeof import("./around_en.js").AROUND_EN} */
export const AROUND_ZH = {
  saidUndoneAround: "已撤销：编辑器之外的更改。",
  saidRedoneAround: "已重做：编辑器之外的更改。",
  useShown: "{0} 的图片：此子图有 {2} 处使用，这是第 {1} 处。",
  useNext: "下一处",
  useNextTip: "显示使用此子图的下一个节点的图片",
};
