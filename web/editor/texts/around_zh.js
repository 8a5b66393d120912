/** What the editor says about the graph around it, in Chinese. @type {typeof import("./around_en.js").AROUND_EN} */
export const AROUND_ZH = {
  saidUndoneAround: "已撤销：编辑器之外的更改。",
  saidRedoneAround: "已重做：编辑器之外的更改。",
  useShown: "{0} 的图片：此子图有 {2} 处使用，这是第 {1} 处。",
  useNext: "下一处",
  useNextTip: "显示使用此子图的下一个节点的图片",
  result: "上次运行的结果",
  shortResult: "结果",
  samplingStep: "正在采样：第 {0} 步，共 {1} 步。",
  samplingShown: "采样器预览的是第一帧。",
  inPanel: "在节点中绘制。点击这里打开大视图。",
  cancelRun: "取消",
  cancelRunTip: "停止此次运行",
  resultOld: "上次运行的结果。此后绘制已有更改。",
  templateUnread: "无法读取模板 {0}（{1}）：请改为打开本节点包 example_workflows 文件夹中的 {0}.json。",
};
