// Curves with a cursor: the pointer and the arrow keys read every curve at a step; dragging and + − zoom.

import { shape } from "./dom.js";
import { compact, exact } from "./numbers.js";
import { drawAxes, onKeys, picture, scale, tickText, ticks } from "./frame.js";

const HELP = "Left and right arrows read the values, plus and minus zoom, 0 shows everything.";

// `mark` is a Lines of marks.py, `styles` its legend. Options: height, x name, hidden (names not drawn), cursor, span,
// and what to call when the reader moves them: onCursor(x), onSpan([from, to] or null).
export function curves(mark, styles, label, options = {}) {
  const all = [...new Set(mark.lines.flatMap((line) => line.x))].sort((a, b) => a - b);
  const state = { cursor: options.cursor ?? null, span: options.span ?? null, hidden: options.hidden ?? new Set() };
  let x, y, at, overlay;

  const shown = () => mark.lines.filter((line) => !state.hidden.has(line.name));
  const within = () => (state.span ? all.filter((v) => v >= state.span[0] && v <= state.span[1]) : all);

  const made = picture(label, HELP, options.height ?? 220, (svg, width, height) => {
    at = { left: 58, right: width - 10, top: 22, bottom: height - 36 };
    const steps = within();
    const [low, high] = [steps[0] ?? 0, steps.at(-1) ?? 1];
    x = scale(low, high === low ? low + 1 : high, at.left + 4, at.right - 4, mark.log_x > 0);
    y = vertical(shown(), low, high);
    const every = mark.log_x ? thinned(steps, 8) : ticks(low, high, Math.max(2, width / 90)).filter(Number.isInteger);
    drawAxes(svg, at,
      { to: x, ticks: every.map((v) => [v, tickText(v)]) },
      { to: y, grid: true, ticks: y.ticks.map((v) => [v, tickText(v)]) },
      { x: mark.x_label, y: mark.y_label });
    for (const line of shown()) svg.append(curve(line, low, high));
    if (!y.found && mark.empty) {
      const middle = { class: "tick", x: (at.left + at.right) / 2, y: (at.top + at.bottom) / 2, "text-anchor": "middle" };
      svg.append(shape("text", middle, mark.empty));
    }
    overlay = shape("g", { class: "overlay" });
    svg.append(overlay);
    showCursor();
  });

  function vertical(curves, from, to) {
    let low = Infinity, high = -Infinity;
    for (const line of curves) {
      line.x.forEach((v, i) => {
        const value = line.y[i];
        if (value === null || v < from || v > to || (mark.log_y && value <= 0 && mark.floor === null)) return;
        const cut = mark.floor === null ? value : Math.max(value, mark.floor);
        low = Math.min(low, cut);
        high = Math.max(high, cut);
      });
    }
    const found = high >= low;
    if (!found) [low, high] = mark.log_y ? [1e-17, 1e-15] : [0, 1];
    if (mark.top !== null && mark.top !== undefined) high = Math.min(high, mark.top);
    if (mark.log_y) [low, high] = [low / 1.6, high * 1.6];
    else {
      const room = (high - low || Math.abs(high) || 1) * 0.06;
      [low, high] = [low >= 0 && low < room * 4 ? Math.min(low, 0) : low - room, high + room];
    }
    const to_ = scale(low, high, at.bottom - 2, at.top, mark.log_y);
    to_.ticks = ticks(low, high, 5, mark.log_y);
    to_.found = found;
    return to_;
  }

  function curve(line, from, to) {
    const style = styles[line.name];
    let path = "", pen = false;
    line.x.forEach((v, i) => {
      const value = line.y[i];
      if (value === null || (mark.log_y && value <= 0 && mark.floor === null)) return void (pen = false);
      const before = line.x[i + 1] ?? v, after = line.x[i - 1] ?? v;
      if (before < from || after > to) return void (pen = false);
      const cut = mark.floor === null ? value : Math.max(value, mark.floor);
      path += `${pen ? "L" : "M"}${x(v).toFixed(1)} ${Math.max(y(cut), at.top - 40).toFixed(1)}`;
      pen = true;
    });
    return shape("path", {
      d: path, class: "curve", stroke: `var(--${style.colour})`, "stroke-width": style.width,
      "stroke-dasharray": style.dash.map((d) => d * style.width).join(" ") || null, opacity: style.alpha,
      "clip-path": `inset(0 0 0 0)`,
    });
  }

  function showCursor() {
    overlay?.replaceChildren();
    const here = state.cursor;
    if (here === null || here === undefined || !within().includes(here)) return void made.said.replaceChildren();
    overlay.append(shape("path", { class: "cursor", d: `M${x(here)} ${at.top}V${at.bottom}` }));
    const told = [];
    for (const line of shown()) {
      const place = line.x.indexOf(here);
      if (place < 0) continue;
      const value = line.y[place];
      told.push(`${line.name} ${mark.log_y ? compact(value, 3) : Number.isFinite(value) && value !== null ? exact(Number(value.toPrecision(6))) : "NaN"}`);
      if (value === null || (mark.log_y && value <= 0 && mark.floor === null)) continue;
      const cut = mark.floor === null ? value : Math.max(value, mark.floor);
      overlay.append(shape("circle", { cx: x(here), cy: y(cut), r: 3.5, fill: `var(--${styles[line.name].colour})`, class: "point" }));
    }
    made.said.textContent = `${options.unit ?? "step"} ${tickText(here)}: ${told.join(" · ")}`;
  }

  function move(value) {
    if (value === state.cursor) return;
    state.cursor = value;
    showCursor();
    options.onCursor?.(value);
  }

  function step(by) {
    const steps = within();
    const now = steps.indexOf(state.cursor);
    move(steps[Math.min(Math.max(now < 0 ? (by > 0 ? 0 : steps.length - 1) : now + by, 0), steps.length - 1)]);
  }

  function zoom(span) {
    const whole = !span || (span[0] <= all[0] && span[1] >= all.at(-1));
    if (!whole && all.filter((v) => v >= span[0] && v <= span[1]).length < 2) return;
    state.span = whole ? null : span;
    made.redraw();
    options.onSpan?.(state.span);
  }

  function zoomBy(factor) {
    const steps = within();
    const [low, high] = [steps[0], steps.at(-1)];
    const middle = steps.includes(state.cursor) ? state.cursor : (low + high) / 2;
    zoom([Math.floor(Math.max(all[0], middle - (middle - low) * factor)), Math.ceil(Math.min(all.at(-1), middle + (high - middle) * factor))]);
  }

  const nearest = (pixel) => {
    const value = x.back(pixel);
    return within().reduce((a, b) => (Math.abs(b - value) < Math.abs(a - value) ? b : a));
  };

  let dragged = null;
  made.svg.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) dragged = made.place(event)[0];
    move(nearest(made.place(event)[0]));
  });
  made.svg.addEventListener("pointermove", (event) => {
    const [pixel] = made.place(event);
    if (all.length) move(nearest(pixel));
    overlay.querySelector(".chosen")?.remove();
    if (dragged !== null && Math.abs(pixel - dragged) > 6) {
      const [a, b] = [Math.min(pixel, dragged), Math.max(pixel, dragged)];
      overlay.append(shape("rect", { class: "chosen", x: a, y: at.top, width: b - a, height: at.bottom - at.top }));
      made.svg.setPointerCapture(event.pointerId);
    }
  });
  made.svg.addEventListener("pointerup", (event) => {
    const [pixel] = made.place(event);
    const from = dragged;
    dragged = null;
    if (from !== null && Math.abs(pixel - from) > 6) zoom([nearest(Math.min(pixel, from)), nearest(Math.max(pixel, from))]);
  });
  made.svg.addEventListener("pointercancel", () => (dragged = null));
  made.svg.addEventListener("dblclick", () => zoom(null));
  onKeys(made.svg, {
    ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => move(within()[0]), End: () => move(within().at(-1)),
    PageUp: () => step(-10), PageDown: () => step(10), "+": () => zoomBy(0.5), "-": () => zoomBy(2), 0: () => zoom(null),
  });

  return {
    holder: made.holder,
    zoomBy,
    // Set from outside, without calling back.
    set({ cursor = state.cursor, span = state.span, hidden = state.hidden }) {
      const anew = span !== state.span || hidden !== state.hidden;
      Object.assign(state, { cursor, span, hidden });
      if (anew) made.redraw();
      else if (x) showCursor();
    },
  };
}

function thinned(values, most) {
  const step = Math.ceil(values.length / most);
  return values.filter((_, i) => i % step === 0);
}
