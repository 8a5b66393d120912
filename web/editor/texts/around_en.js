/** What the editor says about the graph around it, in English. {0}, {1} stand for values. */
export const AROUND_EN = {
  saidUndoneAround: "Undone: a change outside this editor.",
  saidRedoneAround: "Redone: a change outside this editor.",
  useShown: "The picture of {0}: use {1} of {2} of this subgraph.",
  useNext: "Next use",
  useNextTip: "Show the picture of the next node that uses this subgraph",
  result: "Result of the last run",
  shortResult: "Result",
  samplingStep: "Sampling, step {0} of {1}.",
  samplingShown: "The sampler previews the first frame.",
  inPanel: "Drawn in the node. Click here for the large view.",
  cancelRun: "Cancel",
  cancelRunTip: "Stop this run",
  resultOld: "The result of the last run. The drawing has changed since.",
  templateUnread: "The template {0} cannot be read ({1}): open {0}.json in the pack's folder example_workflows instead.",
};
