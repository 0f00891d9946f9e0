// Values in rows over a logarithmic axis; the pointer and the arrow keys go from one to the next.

import { shape } from "./dom.js";
import { percent } from "./numbers.js";
import { drawAxes, onKeys, picture, scale, tickText, ticks } from "./frame.js";

const SHARES = [1e-6, 1e-4, 1e-2, 1, 100];

// `mark` is a Dots of marks.py.
export function dots(mark, label, options = {}) {
  const rowHeight = options.rowHeight ?? 22;
  const order = mark.dots.map((_, i) => i)
    .sort((a, b) => mark.dots[a].row - mark.dots[b].row || (mark.dots[a].value ?? Infinity) - (mark.dots[b].value ?? Infinity));
  const low = mark.percent ? mark.low / 2 : mark.low;
  let x, y, ring, current = null;

  const made = picture(label, "Arrow keys go from one value to the next.", 26 + rowHeight * mark.rows.length + 40, (svg, width, height) => {
    const longest = Math.max(...mark.rows.map((name) => name.length));
    const left = Math.min(12 + longest * 6.4, width * 0.48);
    const at = { left, right: width - 12, top: 12, bottom: height - 38 };
    x = scale(low, mark.high, at.left, at.right, true);
    y = (row) => at.top + rowHeight * (row + 0.5);
    const fit = Math.floor(left / 6.2);
    const room = Math.max(2, Math.floor((at.right - at.left) / 60));
    const across = mark.percent
      ? SHARES.filter((v) => v >= low && v <= mark.high).filter((_, i, all) => all.length <= room || i % 2 === 0)
      : ticks(low, mark.high, room, true);
    drawAxes(svg, at,
      { to: x, grid: true, ticks: across.map((v) => [v, mark.percent ? percent(v, 1) : tickText(v)]) },
      { to: y, grid: false, ticks: mark.rows.map((name, row) => [row, name.length > fit ? `${name.slice(0, fit - 1)}…` : name]) },
      { x: mark.x_label });
    if (mark.limit !== null) svg.append(shape("path", { class: "limit", d: `M${x(mark.limit)} ${at.top}V${at.bottom}` }));
    for (const dot of mark.dots) svg.append(drawn(dot));
    ring = shape("circle", { class: "ring", r: 7, visibility: "hidden" });
    svg.append(ring);
    if (current !== null) show(current);
  });

  const place = (dot) => [x(Math.min(Math.max(dot.value ?? mark.high, mark.low), mark.high)), y(dot.row)];

  function drawn(dot) {
    const [cx, cy] = place(dot);
    const colour = `var(--${dot.colour})`;
    if (dot.shape === "cross") return shape("path", { class: "cross", stroke: colour, d: `M${cx - 4} ${cy - 4}l8 8m0-8l-8 8` });
    if (dot.shape === "bar") return shape("path", { class: "cross", stroke: colour, d: `M${cx} ${cy - 8}v16` });
    return shape("circle", { cx, cy, r: 4, fill: colour, class: "dot" });
  }

  function show(index) {
    current = index;
    const [cx, cy] = place(mark.dots[index]);
    ring.setAttribute("cx", cx);
    ring.setAttribute("cy", cy);
    ring.setAttribute("visibility", "visible");
    made.said.textContent = mark.dots[index].text;
  }

  made.svg.addEventListener("pointermove", (event) => point(event));
  made.svg.addEventListener("pointerdown", (event) => point(event));
  function point(event) {
    const [px, py] = made.place(event);
    let best = null, least = Infinity;
    mark.dots.forEach((dot, index) => {
      const [cx, cy] = place(dot);
      const far = (cx - px) ** 2 + 4 * (cy - py) ** 2;
      if (far < least) [best, least] = [index, far];
    });
    if (best !== null) show(best);
  }

  function walk(by) {
    const now = current === null ? (by > 0 ? -1 : order.length) : order.indexOf(current);
    show(order[Math.min(Math.max(now + by, 0), order.length - 1)]);
  }
  function jump(by) {
    const row = current === null ? -1 : mark.dots[current].row;
    const rows = order.filter((i) => (by > 0 ? mark.dots[i].row > row : mark.dots[i].row < row));
    const next = by > 0 ? rows[0] : rows.find((i) => mark.dots[i].row === mark.dots[rows.at(-1)]?.row);
    if (next !== undefined) show(next);
  }
  if (order.length) {
    onKeys(made.svg, {
      ArrowRight: () => walk(1), ArrowLeft: () => walk(-1), ArrowDown: () => jump(1), ArrowUp: () => jump(-1),
      Home: () => show(order[0]), End: () => show(order.at(-1)),
    });
  }
  return { holder: made.holder };
}
