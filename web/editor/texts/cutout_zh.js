/** What is said about the cut-out preview, in Chinese. @type {typeof import("./cutout_en.js").CUTOUT_EN} */
export const CUTOUT_ZH = {
  cutouts: "抠图预览：画面中的物体沿各自的框移动",
  shortCutouts: "抠图",
};
