// The report's page: views, tables, figures. Whatever fails here leaves the page as it is without a script.

import { element } from "./dom.js";
import { change } from "./address.js";
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

function start() {
  const finders = new Map();
  followViews((view, state, first) => {
    const tables = [...view.querySelectorAll("table.sorted")];
    if (first) {
      tables.forEach(makeSortable);
      const long = tables.filter((table) => table.querySelectorAll("tbody tr").length > 8);
      if (long.length) finders.set(view, finder(view, long));
    }
    tables.forEach((table) => sortAsTold(table, state.sort));
    finders.get(view)?.(state.find ?? "");
  });
}

try {
  start();
} catch (error) {
  document.documentElement.classList.remove("js");
  throw error;
}
