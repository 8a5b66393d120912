/** The clip and its picture, values that are refused, and errors of a run, in Chinese. @type {typeof import("./clip_en.js").CLIP_EN} */
export const CLIP_ZH = {
  useInstead: "改用 {0}",
  mustSide: "模型生成的边长须为 32 的倍数，从 32 到 4096 像素。",
  mustLength: "模型生成 4k + 1 帧（如 49、81、121），最多 1025 帧。",
  mustWhole: "请输入 {0} 到 {1} 的整数。",
  mustNumber: "请输入 {0} 到 {1} 的数。",
  clipWrong: "无法生成 {0} x {1} 像素、{2} 帧的片段：边长须为 32 的倍数，帧数须为 4k + 1。",
  clipRight: "改用 {0} x {1}，{2} 帧",
  fromNode: "{0}。由另一个节点通过输入决定。",
  fromNodeUnknown: "{0}。由另一个节点决定，运行后可知。",

  cutAsk: "此片段会裁掉图片的 {0} %。",
  cutAskLinked: "此片段会裁掉图片的 {0} %。其尺寸由其他节点决定。",
  cutFit: "让片段适应图片",
  cutFitTip: "{0} x {1} 像素，与现在大致相同。框留在各自的物体上。",
  cutKeep: "保持",
  cutKeepTip: "保持尺寸。片段一行可再次显示被裁掉的部分。",
  cutShort: "裁掉 {0} %",
  cutLong: "显示片段裁掉的图片部分",
  saidFollowed: "框留在图片上原来的位置。",
  saidFitted: "片段现为 {0} x {1}。",

  runStopped: "上次运行在此节点停止：{0}",
  runRefused: "运行不接受 {0}：{1}",
  runAt: "{0}，第 {1} 帧的关键帧",
  runNothing: "上次运行没有可移动的物体：请画一个框，或连接 boxes、tracks 或 masks。",
  dismiss: "隐藏此消息",
};
