/** What the editor says about the graph around it, in English. {0}, {1} stand for values. */
export const AROUND_EN = {
  saidUndoneAround: "Undone: a change outside this editor.",
  saidRedoneAround: "Redone: a change outside this editor.",
  useShown: "The picture of {0}: use {1} of {2} of this subgraph.",
  useNext: "Next use",
  useNextTip: "Show the picture of the next node that uses this subgraph",
};
