/** What is said about the cut-out preview, in English. */
export const CUTOUT_EN = {
  cutouts: "Cut-outs: the picture's objects move along their boxes",
  shortCutouts: "Cut-outs",
};
