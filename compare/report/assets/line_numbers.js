// The numbers that a line computes in a step: the first beside it, all frameworks' in a panel.

import { element } from "./dom.js";
import { compact } from "./numbers.js";

// Of a role's list of steps, the one asked for; what holds for all steps is there once.
function ofStep(list, step) {
  return list[Math.min(step, list.length) - 1];
}

function nine(value) {
  return value === null ? "NaN" : String(Number(value.toPrecision(9)));
}

// Write a line's first number below it.
export function beside(line, roles, step) {
  const framework = line.closest("[data-framework]").dataset.framework;
  const said = line.dataset.roles.split(",").slice(0, 3).filter((role) => roles[role]?.by[framework]).map((role) => {
    const [, first] = ofStep(roles[role].by[framework], step);
    return `${role} ${nine(first[0])}${first.length > 1 ? " …" : ""}`;
  });
  line.querySelector(".value")?.remove();
  line.append(element("span", { class: "value" }, said.join("  ")));
}

// For each role a table: a framework a row; and the largest difference between those shown.
export function tables(names, roles, { frameworks, step }, labels) {
  return names.filter((role) => role in roles).map((role) => {
    const { by, gaps } = roles[role];
    const rows = frameworks.filter((name) => by[name]).map((name) => {
      const [shape, first, mean, norm] = ofStep(by[name], step);
      const more = shape.reduce((a, b) => a * b, 1) > first.length ? ", …" : "";
      const cells = [shape.join(" × ") || "a number", first.map(nine).join(", ") + more, nine(mean), nine(norm)];
      return element("tr", { "data-of": `${role} ${name}` }, element("th", { scope: "row", class: "word" }, labels[name]),
        ...cells.map((text) => element("td", {}, text)));
    });
    const head = ["framework", "shape", "first values", "mean", "norm"];
    const pairs = Object.entries(ofStep(gaps, step)).filter(([pair]) => pair.split(" ").every((name) => frameworks.includes(name)));
    const [pair, gap] = pairs.sort((a, b) => b[1] - a[1])[0] ?? [];
    const worst = !pair ? "" : gap === 0 ? " · the same to the last digit"
      : ` · largest difference ${compact(gap)}, ${pair.split(" ").map((name) => labels[name]).join(" – ")}`;
    const title = gaps.length > 1 ? `${role} in step ${step}` : role;
    return element("div", {}, element("h2", {}, title, element("span", { class: "detail" }, worst)),
      element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": title },
        element("table", {}, element("thead", {}, element("tr", {}, ...head.map((text, i) => element("th", { scope: "col", class: i ? "" : "word" }, text)))),
          element("tbody", {}, ...rows))));
  });
}
