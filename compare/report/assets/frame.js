// What every picture has: scales, ticks, axes, a readout, and keys.
//
// Own drawing rather than a library: the pictures are lines, dots and boxes with a cursor that the keyboard moves as
// well, in the page's own colours for light, dark and print. What comes as a Python package is large beside a page that
// may have 3 MB: Bokeh 1.27 MB, Vega-Lite (vl-convert) 0.90 MB, Observable Plot (pyobsplot) 1.40 MB, Plotly more; none
// has such a cursor, and Bokeh draws on a canvas. uPlot, with 0.05 MB, was found in no Python package.

import { element, shape } from "./dom.js";
import { compact } from "./numbers.js";

// A linear or logarithmic scale from [low, high] to [start, end] pixels.
export function scale(low, high, start, end, log = false) {
  const f = log ? Math.log10 : (x) => x;
  const [a, b] = [f(low), f(high)];
  const span = b - a || 1;
  const to = (value) => start + ((f(value) - a) / span) * (end - start);
  to.back = (pixel) => {
    const x = a + ((pixel - start) / (end - start)) * span;
    return log ? 10 ** x : x;
  };
  return to;
}

// At most `most` round values between low and high.
export function ticks(low, high, most, log = false) {
  if (log) {
    const [first, last] = [Math.ceil(Math.log10(low) - 1e-9), Math.floor(Math.log10(high) + 1e-9)];
    const decades = last - first + 1;
    if (decades >= 2) {
      const step = Math.ceil(decades / most);
      return Array.from({ length: Math.ceil(decades / step) }, (_, i) => 10 ** (first + i * step));
    }
    const fine = [1, 2, 5].flatMap((m) => [first - 1, first, first + 1].map((e) => m * 10 ** e));
    return fine.filter((value) => value >= low && value <= high).sort((a, b) => a - b);
  }
  const rough = (high - low) / Math.max(most, 1) || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough * 0.999);
  const found = [];
  for (let value = Math.ceil(low / step - 1e-9) * step; value <= high + step * 1e-6; value += step) found.push(value);
  return found.map((value) => Math.round(value / step) * step);
}

export function tickText(value) {
  const size = Math.abs(value);
  if (value === 0) return "0";
  if (size >= 1 && size < 1e6) return Number(value.toPrecision(4)).toLocaleString("en");
  if (size >= 1e-3 && size < 1) return String(Number(value.toPrecision(3)));
  return compact(value, 1);
}

// Axis lines, grid and labels into an svg; `at` has left, right, top, bottom in pixels.
export function drawAxes(svg, at, x, y, labels) {
  for (const [value, text] of y.ticks) {
    const place = y.to(value);
    if (y.grid) svg.append(shape("path", { class: "grid", d: `M${at.left} ${place}H${at.right}` }));
    svg.append(shape("text", { class: "tick", x: at.left - 6, y: place + 4, "text-anchor": "end" }, text));
  }
  for (const [value, text] of x.ticks) {
    const place = x.to(value);
    if (x.grid) svg.append(shape("path", { class: "grid", d: `M${place} ${at.top}V${at.bottom}` }));
    svg.append(shape("text", { class: "tick", x: place, y: at.bottom + 15, "text-anchor": "middle" }, text));
  }
  svg.append(shape("path", { class: "axis", d: `M${at.left} ${at.bottom}H${at.right}` }));
  svg.append(shape("text", { class: "tick", x: at.right, y: at.bottom + 31, "text-anchor": "end" }, labels.x));
  if (labels.y) svg.append(shape("text", { class: "tick", x: 0, y: at.top - 9 }, labels.y));
}

// A focusable picture that is drawn anew when its width changes: draw(svg, width, height).
export function picture(label, help, height, draw) {
  const svg = shape("svg", {
    class: "picture", tabindex: 0, role: "application", "aria-roledescription": "picture", "aria-label": `${label}. ${help}`,
  });
  const said = element("p", { class: "readout", role: "status" });
  const holder = element("div", { class: "drawn" }, svg, said);
  let width = 0;
  function redraw() {
    width = Math.round(holder.clientWidth);
    if (!width) return;
    const tall = typeof height === "function" ? height(width) : height;
    svg.setAttribute("viewBox", `0 0 ${width} ${tall}`);
    svg.setAttribute("height", tall);
    svg.replaceChildren();
    draw(svg, width, tall);
  }
  new ResizeObserver(() => {
    if (Math.round(holder.clientWidth) !== width) redraw();
  }).observe(holder);
  const place = (event) => {
    const box = svg.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };
  return { holder, svg, said, redraw, place };
}

// Call handlers[key] for keys without a modifier; a handled key does not scroll the page.
export function onKeys(svg, handlers) {
  svg.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const handler = handlers[event.key];
    if (!handler) return;
    event.preventDefault();
    handler();
  });
}
