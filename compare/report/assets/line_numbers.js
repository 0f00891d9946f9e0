// The numbers that a line computes in a step: the first beside it, all frameworks' in a panel.

import { element } from "./dom.js";
import { compact } from "./numbers.js";

// Of a role's list of steps, the one at this place; what holds for all steps is there once.
function ofStep(list, index) {
  return list[Math.min(index, list.length - 1)];
}

function nine(value) {
  return value === null ? "NaN" : String(Number(value.toPrecision(9)));
}

// Write a line's first number below it; `numbers` are a form's in a record, `index` the step's place among those shown.
export function beside(line, numbers, index) {
  const { framework } = line.closest("[data-framework]").dataset;
  const said = line.dataset.roles.split(",").slice(0, 3).filter((role) => numbers[role]?.[framework]).map((role) => {
    const [, first] = ofStep(numbers[role][framework], index);
    return `${role} ${nine(first[0])}${first.length > 1 ? " …" : ""}`;
  });
  line.querySelector(".value")?.remove();
  line.append(element("span", { class: "value" }, said.join("  ")));
}

// For each role a table: a framework a row; and the largest difference between those shown.
export function tables(names, record, { form, frameworks, step }, labels) {
  const numbers = record.numbers[form], index = record.steps.indexOf(step);
  return names.filter((role) => role in record.gaps[form]).map((role) => {
    const gaps = record.gaps[form][role];
    const rows = frameworks.filter((name) => numbers[role][name]).map((name) => {
      const [shape, first, mean, norm] = ofStep(numbers[role][name], index);
      const more = shape.reduce((a, b) => a * b, 1) > first.length ? ", …" : "";
      const cells = [shape.join(" × ") || "a number", first.map(nine).join(", ") + more, nine(mean), nine(norm)];
      return element("tr", { "data-of": `${role} ${name}` }, element("th", { scope: "row", class: "word" }, labels[name]),
        ...cells.map((text) => element("td", {}, text)));
    });
    const head = ["framework", "shape", "first values", "mean", "norm"];
    const pairs = Object.entries(ofStep(gaps, index)).filter(([pair]) => pair.split(" ").every((name) => frameworks.includes(name)));
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
