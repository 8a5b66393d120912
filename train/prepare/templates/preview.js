"use strict";
const place = document.getElementById("clips");
const cards = [...place.children];
const [tools, sort, down, show, count] = ["tools", "sort", "down", "show", "count"].map((id) => document.getElementById(id));
function update() {
  const key = sort.value;
  const sign = down.checked ? -1 : 1;
  const order = (one, other) => {
    const [a, b] = [one.dataset[key], other.dataset[key]];
    return key === "name" ? a.localeCompare(b, undefined, { numeric: true }) : Number(a) - Number(b);
  };
  let shown = 0;
  for (const card of [...cards].sort((one, other) => sign * order(one, other))) {
    card.hidden = show.value !== "" && card.dataset.verdict !== show.value;
    shown += card.hidden ? 0 : 1;
    place.append(card);
  }
  count.textContent = `${shown} of ${cards.length} clips`;
}
for (const control of [sort, down, show]) control.addEventListener("change", update);
tools.addEventListener("submit", (event) => event.preventDefault());
tools.hidden = false;
update();
