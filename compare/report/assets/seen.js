// What the networks have learned after a step: the plane that one with two inputs divides, the digits that go in, and
// the loss so far.

import { element } from "./dom.js";
import { curves } from "./curves.js";
import { unpacked } from "./packed.js";

const CLASS_COLOURS = ["--series-1", "--series-2", "--series-3", "--series-4"];

function colour(name) {
  const found = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map((at) => parseInt(found.slice(at, at + 2), 16));
}

// The plane in the colours of the classes, the stronger the surer; the training set on it.
function drawPlane(canvas, plane, surface) {
  const { side, bounds, points } = plane;
  const codes = unpacked(surface, "u1");
  const size = canvas.width, pen = canvas.getContext("2d");
  const paper = colour("--paper"), colours = CLASS_COLOURS.map(colour);
  const small = element("canvas", { width: side, height: side });
  const image = new ImageData(side, side);
  codes.forEach((code, i) => {
    const share = 0.12 + 0.6 * ((code & 15) / 15);
    const ink = colours[code >> 4];
    paper.forEach((value, c) => (image.data[4 * i + c] = value + (ink[c] - value) * share));
    image.data[4 * i + 3] = 255;
  });
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = true;
  pen.clearRect(0, 0, size, size);
  pen.drawImage(small, 0, 0, size, size);
  const [[left, right], [bottom, top]] = bounds;
  const radius = points.length < 10 ? size / 36 : size / 110;
  for (const [x, y, kind] of points) {
    pen.beginPath();
    pen.arc(((x - left) / (right - left)) * size, ((top - y) / (top - bottom)) * size, radius, 0, 7);
    pen.fillStyle = `rgb(${colours[kind]})`;
    pen.fill();
    pen.strokeStyle = `rgb(${paper})`;
    pen.lineWidth = size / 260;
    pen.stroke();
  }
}

function drawDigit(canvas, pixels) {
  const [ink, paper] = [colour("--ink"), colour("--surface")];
  const image = new ImageData(8, 8);
  unpacked(pixels, "u1").forEach((value, i) => {
    ink.forEach((full, c) => (image.data[4 * i + c] = paper[c] + ((full - paper[c]) * value) / 16));
    image.data[4 * i + 3] = 255;
  });
  canvas.getContext("2d").putImageData(image, 0, 0);
}

function planeOf(surface, plane, step, label) {
  const canvas = element("canvas", { width: 360, height: 360, role: "img",
    "aria-label": `How ${label} divides the plane after step ${step}, with the training set` });
  drawPlane(canvas, plane, surface);
  return canvas;
}

function digitsOf(pictures) {
  const said = pictures.map(({ pixels, digit, said }) => {
    const canvas = element("canvas", { width: 8, height: 8, role: "img", "aria-label": `A handwritten ${digit}` });
    drawDigit(canvas, pixels);
    return element("span", { class: digit === said ? "digit" : "digit wrong" }, canvas, element("span", {}, `${digit} → ${said}`));
  });
  return element("div", { class: "digits" }, ...said);
}

// The loss curves of a form, made once; what is shown of them and where the step is change.
function lossOf(runs, { frameworks, styles }, onStep) {
  const lines = Object.entries(runs).map(([name, run]) => ({ name: frameworks[name], x: run.losses.map((_, i) => i + 1), y: run.losses }));
  const mark = { lines, x_label: "training step", y_label: "loss", log_x: 0, log_y: false, floor: null, top: null };
  const chart = curves(mark, styles, "The loss of each step's batch", { height: 210, onCursor: onStep });
  const legend = element("p", { class: "legend" });
  const title = element("figcaption", {}, "Loss, one curve on top of the other");
  const set = (shown) => {
    const away = Object.keys(frameworks).filter((name) => !shown.frameworks.includes(name));
    chart.set({ cursor: shown.step, hidden: new Set(away.map((name) => frameworks[name])) });
    legend.replaceChildren(...shown.frameworks.filter((name) => runs[name]).map((name) => {
      const stroke = element("span", { class: "stroke" });
      stroke.style.setProperty("--c", `var(--${styles[frameworks[name]].colour})`);
      return element("span", {}, stroke, frameworks[name]);
    }));
  };
  return { figure: element("figure", { class: "loss" }, title, legend, chart.holder), set };
}

const drawnLosses = new WeakMap(); // by place

// Show what `record` has of `shown`; onStep(step) is called when the reader moves along the curves.
export function drawSeen(place, record, shown, known, onStep) {
  const runs = Object.fromEntries(Object.entries(record.forms[shown.form]).filter(([, run]) => run.text));
  if (!Object.keys(runs).length) return;
  const index = record.steps.indexOf(shown.step);
  const surfaces = record.surfaces[shown.form][index] ?? {}, digits = record.pictures[shown.form][index] ?? {};
  const pictures = shown.frameworks.filter((name) => surfaces[name] || digits[name]).map((name) => {
    const label = known.frameworks[name];
    const inner = record.plane ? planeOf(surfaces[name], record.plane, shown.step, label) : digitsOf(digits[name]);
    return element("figure", { class: record.plane ? "plane" : "input" }, element("figcaption", {}, label), inner);
  });
  const about = !pictures.length ? "" : element("p", { class: "note" }, record.plane
    ? `What each network says of every point of the plane after step ${shown.step}, with the samples that it learns from.`
    : `The first pictures of the batch of step ${shown.step}, and what each network took them for.`);
  if (!drawnLosses.has(place)) {
    const loss = lossOf(runs, known, onStep);
    drawnLosses.set(place, loss);
    place.replaceChildren(element("div", { class: "learned" }), loss.figure);
  }
  drawnLosses.get(place).set(shown);
  place.firstElementChild.replaceChildren(element("div", { class: "pictures" }, ...pictures), about);
}
