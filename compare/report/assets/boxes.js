// A grid of fields with a few words in each; the pointer and the arrow keys read them.

import { shape } from "./dom.js";
import { drawAxes, onKeys, picture } from "./frame.js";

// `mark` is a Boxes of marks.py.
export function boxes(mark, label, options = {}) {
  const places = new Map(mark.boxes.map((box) => [`${box.row} ${box.column}`, box]));
  const lines = Math.max(1, ...mark.boxes.map((box) => box.words.split("\n").length));
  const tall = options.rowHeight ?? (lines > 1 ? 18 * lines + 12 : 26);
  let at, wide, cursor, current = null;

  const made = picture(label, "Arrow keys go from field to field.", 24 + tall * mark.rows.length + 40, (svg, width, height) => {
    const longest = Math.max(...mark.rows.map((name) => name.length));
    at = { left: Math.min(14 + longest * 6.6, width * 0.3), right: width - 4, top: 24, bottom: height - 38 };
    wide = (at.right - at.left) / mark.columns.length;
    const fit = Math.max(1, Math.floor(wide / 6.6));
    const short = (text, room) => (text.length > room ? `${text.slice(0, Math.max(room - 1, 1))}…` : text);
    const letters = Math.max(...mark.boxes.flatMap((box) => box.words.split("\n")).map((line) => line.length), 1);
    const fits = letters * 5.6 < wide;
    drawAxes(svg, at,
      { to: (i) => at.left + wide * (i + 0.5), ticks: mark.columns.map((name, i) => [i, short(name, fit)]) },
      { to: (i) => at.top + tall * (i + 0.5), ticks: mark.rows.map((name, i) => [i, short(name, Math.floor(at.left / 6.4))]) },
      { x: mark.x_label, y: mark.y_label });
    for (const box of mark.boxes) {
      const [x, y] = [at.left + wide * box.column, at.top + tall * box.row];
      svg.append(shape("rect", { x: x + 1, y: y + 1, width: wide - 2, height: tall - 2, rx: 3, fill: `var(--${box.colour})`, "fill-opacity": box.shade }));
      if (!fits) continue;
      const words = box.words.split("\n");
      words.forEach((line, i) => {
        const middle = y + tall / 2 + 4 + (i - (words.length - 1) / 2) * 14;
        svg.append(shape("text", { class: "words", x: x + wide / 2, y: middle, "text-anchor": "middle" }, line));
      });
    }
    cursor = shape("rect", { class: "cursor", width: wide, height: tall, rx: 3, visibility: "hidden" });
    svg.append(cursor);
    if (current) show(...current);
  });

  function show(row, column) {
    row = Math.min(Math.max(row, 0), mark.rows.length - 1);
    column = Math.min(Math.max(column, 0), mark.columns.length - 1);
    current = [row, column];
    cursor.setAttribute("x", at.left + wide * column);
    cursor.setAttribute("y", at.top + tall * row);
    cursor.setAttribute("visibility", "visible");
    made.said.textContent = places.get(`${row} ${column}`)?.text ?? `${mark.rows[row]}, ${mark.columns[column]}: none`;
  }
  function point(event) {
    const [x, y] = made.place(event);
    if (x > at.left && y > at.top && y < at.bottom) show(Math.floor((y - at.top) / tall), Math.floor((x - at.left) / wide));
  }
  made.svg.addEventListener("pointermove", point);
  made.svg.addEventListener("pointerdown", point);
  const by = (rows, columns) => () => show(...(current ? [current[0] + rows, current[1] + columns] : [0, 0]));
  onKeys(made.svg, { ArrowLeft: by(0, -1), ArrowRight: by(0, 1), ArrowUp: by(-1, 0), ArrowDown: by(1, 0) });
  return { holder: made.holder };
}
