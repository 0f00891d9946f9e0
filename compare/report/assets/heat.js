// The map of steps by tensors: every cell is a tensor in a step, coloured by the share of its bound that it used.

import { element, shape } from "./dom.js";
import { ofBound } from "./numbers.js";
import { onKeys, picture, tickText } from "./frame.js";

const LEAST = 1e-5; // share from which on the colour rises to that of the bound
const SHADES = [0.14, 0.24, 0.36, 0.5, 0.66, 0.85];

// The bucket of a share: -1 equal to the last bit, SHADES.length over the bound.
function bucket(used) {
  if (used === 0) return -1;
  if (!(used <= 1)) return SHADES.length;
  const part = 1 + Math.log10(Math.max(used, LEAST)) / -Math.log10(LEAST);
  return Math.min(SHADES.length - 1, Math.floor(part * SHADES.length));
}

// `grid`: {tensors: [[phase, name]], columns, steps (in a column), at(row, column) -> {used, ...} or null}.
// options.onChoose(row, column) is called when the reader goes to a cell.
export function heat(grid, label, options = {}) {
  const tall = 15;
  let at, wide, cursor, current = options.current ?? null;
  const height = 30 + tall * grid.tensors.length + 36;

  const made = picture(label, "Arrow keys go from cell to cell, Enter keeps it in the address.", height, (svg, width) => {
    const long = Math.max(...grid.tensors.map(([, name]) => name.length));
    at = { left: Math.min(14 + long * 6, Math.max(width * 0.3, 116)), right: width - 2, top: 8, bottom: 8 + tall * grid.tensors.length };
    wide = (at.right - at.left) / grid.columns;
    const paths = new Map();
    grid.tensors.forEach((tensor, row) => {
      for (let column = 0; column < grid.columns; column++) {
        const cell = grid.at(row, column);
        if (!cell) continue;
        const gap = wide > 5 ? 1 : 0.25;
        const path = `M${(at.left + wide * column).toFixed(2)} ${at.top + tall * row}h${(wide - gap).toFixed(2)}v${tall - 1}h-${(wide - gap).toFixed(2)}z`;
        const key = bucket(cell.used);
        paths.set(key, (paths.get(key) ?? "") + path);
      }
    });
    for (const [key, d] of paths) svg.append(shape("path", { d, ...look(key) }));
    const fit = Math.floor((at.left - 10) / 6);
    grid.tensors.forEach(([phase, name], row) => {
      const short = name.replace("gradient of ", "∂ ").replace("weights of ", "").replace("layer ", "");
      const text = name.length <= fit ? name : short.length <= fit ? short : `${short.slice(0, fit - 1)}…`;
      svg.append(shape("text", { class: "tick", x: at.left - 7, y: at.top + tall * (row + 0.8), "text-anchor": "end" }, text));
      if (row && grid.tensors[row - 1][0] !== phase) {
        svg.append(shape("path", { class: "phase", d: `M0 ${at.top + tall * row - 0.5}H${at.right}` }));
      }
    });
    const every = Math.max(1, Math.ceil(grid.columns / Math.max(2, Math.floor(width / 80))));
    for (let column = 0; column < grid.columns; column += every) {
      const x = at.left + wide * (column + 0.5);
      svg.append(shape("text", { class: "tick", x, y: at.bottom + 14, "text-anchor": "middle" }, tickText(1 + column * grid.steps)));
    }
    svg.append(shape("text", { class: "tick", x: at.right, y: at.bottom + 30, "text-anchor": "end" }, "training step"));
    cursor = shape("rect", { class: "cursor", height: tall + 1, width: Math.max(wide, 3) + 1, visibility: "hidden" });
    svg.append(cursor);
    if (current) mark(...current);
  });

  function look(key) {
    if (key === -1) return { class: "equal-cell" };
    if (key === SHADES.length) return { fill: "var(--bad)" };
    return { fill: "var(--series-1)", "fill-opacity": SHADES[key] };
  }

  function mark(row, column) {
    current = [row, column];
    if (!cursor) return;
    cursor.setAttribute("x", at.left + wide * column - 1);
    cursor.setAttribute("y", at.top + tall * row - 1);
    cursor.setAttribute("visibility", "visible");
    const cell = grid.at(row, column);
    const [phase, name] = grid.tensors[row];
    made.said.textContent = cell
      ? `step ${cell.step}, ${phase}, ${name}: ${cell.used === 0 ? "equal to the last bit" : ofBound(cell.used)}`
      : `${name}: nothing in this step`;
  }
  function choose(row, column, kept) {
    row = Math.min(Math.max(row, 0), grid.tensors.length - 1);
    column = Math.min(Math.max(column, 0), grid.columns - 1);
    mark(row, column);
    options.onChoose?.(row, column, kept);
  }
  const under = (event) => {
    const [x, y] = made.place(event);
    return [Math.floor((y - at.top) / tall), Math.floor((x - at.left) / wide)];
  };
  let hovered = null;
  made.svg.addEventListener("pointermove", (event) => {
    const [row, column] = under(event);
    const cell = column >= 0 ? grid.at(row, column) : null;
    if (cell && `${row} ${column}` !== hovered) {
      hovered = `${row} ${column}`;
      const [phase, name] = grid.tensors[row];
      made.said.textContent = `step ${cell.step}, ${phase}, ${name}: ${cell.used === 0 ? "equal to the last bit" : ofBound(cell.used)}. Click for the numbers.`;
    }
  });
  made.svg.addEventListener("pointerleave", () => current && mark(...current));
  made.svg.addEventListener("click", (event) => choose(...under(event), true));
  const by = (rows, columns) => () => choose(...(current ? [current[0] + rows, current[1] + columns] : [0, 0]), false);
  onKeys(made.svg, {
    ArrowLeft: by(0, -1), ArrowRight: by(0, 1), ArrowUp: by(-1, 0), ArrowDown: by(1, 0),
    Home: () => choose(current?.[0] ?? 0, 0, false), End: () => choose(current?.[0] ?? 0, grid.columns - 1, false),
    Enter: () => current && choose(...current, true),
  });
  const key = element("p", { class: "legend shades" }, shade(-1, "equal to the last bit"),
    ...SHADES.map((_, i) => shade(i, i === 0 ? "≤ 0.001 %" : i === SHADES.length - 1 ? "near 100 % of the bound" : "")),
    shade(SHADES.length, "over: differs"));
  function shade(which, words) {
    const box = shape("svg", { viewBox: "0 0 14 12", class: "shade", "aria-hidden": "true" }, shape("rect", { width: 14, height: 12, rx: 2, ...look(which) }));
    return element("span", {}, box, words ? ` ${words}` : "");
  }
  made.holder.append(key);
  return { holder: made.holder, mark };
}
