/** What the editor says about the graph around it, in Chinese. */
export const AROUND_ZH = {
  saidUndoneAround: "已撤销：编辑器之外的更改。",
  saidRedoneAround: "已重做：编辑器之外的更改。",
};
