/** What the editor says about the graph around it, in English. {0}, {1} stand for values. */
export const AROUND_EN = {
  saidUndoneAround: "Undone: a change outside this editor.",
  saidRedoneAround: "Redone: a change outside this editor.",
};
