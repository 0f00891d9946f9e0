// The report's page: views, tables, figures. Whatever fails here leaves the page as it is without a script.

import { element, island } from "./dom.js";
import { explorer } from "./explore.js";
import { address, change } from "./address.js";
import { drawFigures } from "./figures.js";
import { makeSortable, sortAsTold, filterRows } from "./tables.js";
import { followViews } from "./views.js";

// A box that filters all tables of a view; its words are "find" in the address.
function finder(view, tables) {
  const input = element("input", { type: "search", placeholder: "scenario, framework, …", autocomplete: "off" });
  input.addEventListener("input", () => change({ find: input.value }, { replace: true }));
  const left = element("span", { role: "status" });
  const box = element("p", { class: "controls finder" }, element("label", {}, "Only rows with", input), left);
  (view.querySelector(".contents") ?? view.firstElementChild).after(box);
  return (words) => {
    if (input.value !== words) input.value = words;
    const rows = tables.map((table) => filterRows(table, words)).reduce((a, b) => a + b, 0);
    left.textContent = words ? `${rows} row${rows === 1 ? "" : "s"}` : "";
  };
}

// A cell that stands for a place leads to it in the explorer.
function leadOn(cell) {
  if (!document.getElementById("every-number")) return;
  const link = element("a", { href: `#every-number?${cell.dataset.address}` }, ...cell.childNodes);
  cell.append(link);
}

function start() {
  const finders = new Map();
  let explore = null;
  followViews((view, state, first) => {
    const tables = [...view.querySelectorAll("table.sorted")];
    if (first) {
      tables.forEach(makeSortable);
      drawFigures(view);
      view.querySelectorAll("td[data-address]").forEach(leadOn);
      if (view.querySelectorAll("table.sorted tbody tr").length > 12) finders.set(view, finder(view, tables));
    }
    tables.forEach((table) => sortAsTold(table, state.sort));
    finders.get(view)?.(state.find ?? "");
    const place = view.querySelector("[data-explorer='explore']");
    if (place) {
      explore ??= explorer(place, island("data-explore"));
      explore.then((show) => show(address().state));
    }
  });
}

try {
  start();
} catch (error) {
  document.documentElement.classList.remove("js");
  throw error;
}
