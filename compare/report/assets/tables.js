// Tables that a reader can sort by a column and filter by words. The rows stay where they belong: inside their group.

import { element } from "./dom.js";
import { sortable } from "./numbers.js";
import { address, change } from "./address.js";

// Give a table's header buttons. Its state is "sort" in the address: the table's id, the column and the direction.
export function makeSortable(table) {
  const header = table.tHead.rows[table.tHead.rows.length - 1];
  [...header.cells].forEach((cell, column) => {
    if (!cell.textContent.trim()) return;
    const button = element("button", { type: "button", class: "sort" }, ...cell.childNodes);
    button.addEventListener("click", () => {
      const now = address().state.sort ?? "";
      const mine = now.startsWith(`${table.id}.${column}.`) ? now.split(".").at(-1) : "";
      const next = { "": "up", up: "down", down: "" }[mine];
      change({ sort: next && `${table.id}.${column}.${next}` });
    });
    cell.append(button);
  });
  for (const body of table.tBodies) [...body.rows].forEach((row, place) => (row.dataset.place = place));
}

// Order a table's rows as the address says.
export function sortAsTold(table, sort = "") {
  const [id, number, way] = sort.split(".");
  const told = id === table.id ? { column: Number(number), way } : null;
  const header = table.tHead.rows[table.tHead.rows.length - 1];
  [...header.cells].forEach((cell, column) => {
    if (told?.column === column) cell.setAttribute("aria-sort", way === "up" ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
  });
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    const key = told ? (row) => cellKey(row.cells[told.column]) : (row) => Number(row.dataset.place);
    const keyed = rows.map((row) => ({ row, key: key(row) }));
    const sign = told?.way === "down" ? -1 : 1;
    keyed.sort((a, b) => sign * compareKeys(a.key, b.key) || a.row.dataset.place - b.row.dataset.place);
    body.append(...keyed.map(({ row }) => row));
  }
}

function cellKey(cell) {
  const text = cell?.textContent ?? "";
  if (cell?.classList.contains("word")) return text.replace(/^[✓✗!★] /, "");
  return sortable(text) ?? text;
}

function compareKeys(a, b) {
  if (typeof a === "number" && typeof b === "number") return a === b ? 0 : a - b;
  if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
  return a.localeCompare(b, "en", { numeric: true });
}

// Hide the rows, and groups, that lack one of the words, as do the titles above them; how many rows are left.
export function filterRows(table, words) {
  const wanted = words.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const body of table.tBodies) {
    const head = body.querySelector("tr.group");
    const title = `${table.parentElement.getAttribute("aria-label") ?? ""} ${head?.textContent ?? ""}`.toLowerCase();
    let here = 0;
    for (const row of body.rows) {
      if (row === head) continue;
      const text = `${title} ${row.textContent.toLowerCase()}`;
      row.hidden = !wanted.every((word) => text.includes(word));
      here += !row.hidden;
    }
    if (head) head.hidden = here === 0;
    left += here;
  }
  return left;
}
