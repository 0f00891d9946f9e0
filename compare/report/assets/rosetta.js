// The Rosetta page: which network, form, frameworks, step and line are shown is all in the address.

import { element, island } from "./dom.js";
import { address, change, go, onAddress } from "./address.js";
import { lineWalk, lightUp } from "./lines.js";
import { beside, tables } from "./line_numbers.js";
import { picker } from "./picker.js";
import { recordHere, recordOf } from "./records.js";
import { drawSeen } from "./seen.js";

const known = island("known");
const networkNames = known.networks.map((each) => each.name);
const FIRST = { frameworks: "numpy.torch", form: "equal" };

function networkOf(place) {
  return networkNames.includes(place) ? place : networkNames[0];
}

// The whole of what is shown, from an address; whatever it says that does not exist is the default.
function told(place, state, { steps }) {
  const form = state.form === "native" ? "native" : FIRST.form;
  const frameworks = (state.show ?? FIRST.frameworks).split(".").filter((name) => name in known.frameworks);
  const wanted = Number(state.step ?? 1) || 1;
  const step = steps.reduce((a, b) => (Math.abs(b - wanted) < Math.abs(a - wanted) ? b : a));
  return { network: networkOf(place), form, frameworks: frameworks.length ? frameworks : FIRST.frameworks.split("."), step, at: state.at ?? "" };
}

let now = null; // what is shown
let steps = []; // of its record

function controls() {
  const form = document.getElementById("controls");
  form.addEventListener("submit", (event) => event.preventDefault());
  const forms = ["equal", "native"].map((name) =>
    element("button", { type: "button", "data-to-form": name, onclick: () => change({ form: name, at: "" }) }, name));
  const boxes = Object.entries(known.frameworks).map(([name, label]) => {
    const box = element("input", { type: "checkbox", value: name });
    box.addEventListener("change", () => {
      const chosen = boxes.map((each) => each.querySelector("input")).filter((each) => each.checked).map((each) => each.value);
      if (chosen.length) change({ show: chosen.join(".") });
      else box.checked = true;
    });
    return element("label", {}, box, label);
  });
  const move = (by) => () => change({ step: steps[steps.indexOf(now.step) + by] });
  const back = element("button", { type: "button", "aria-label": "Step back", onclick: move(-1) }, "←");
  const said = element("button", { type: "button", id: "step", "aria-label": "First step", onclick: () => change({ step: 1 }) });
  const on = element("button", { type: "button", "aria-label": "Step forward", onclick: move(1) }, "→");
  form.append(
    element("fieldset", { "aria-label": "Frameworks" }, ...boxes),
    element("span", { class: "choice" }, element("span", {}, "Form"), element("span", {}, ...forms)),
    element("span", { class: "choice" }, element("span", {}, "Training step"), element("span", {}, back, said, on)),
  );
  form.hidden = false;
  return (shown) => {
    forms.forEach((each) => each.setAttribute("aria-pressed", each.dataset.toForm === shown.form));
    boxes.forEach((each) => {
      const box = each.querySelector("input");
      box.checked = shown.frameworks.includes(box.value);
    });
    said.textContent = `${shown.step} of ${steps.at(-1)}`;
    back.disabled = shown.step === steps[0];
    on.disabled = shown.step === steps.at(-1);
  };
}

// Copy and download beside each program's name.
function actions(cell, record, form) {
  const name = cell.dataset.framework;
  const { text } = record.forms[form][name];
  const copy = element("button", { type: "button", class: "button", "aria-label": `Copy the ${known.frameworks[name]} program` }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text);
    copy.textContent = "Copied";
  });
  const save = element("button", { type: "button", class: "button", "aria-label": `Download the ${known.frameworks[name]} program` }, "Download");
  save.addEventListener("click", () => {
    const link = element("a", { href: URL.createObjectURL(new Blob([text])), download: `${name}_${form}.py` });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  cell.querySelector(".name").append(element("span", { class: "actions" }, copy, save));
}

// The section of a network, put into the page if it is not there yet.
function sectionOf(name, html) {
  if (!document.getElementById(name)) document.getElementById("networks").insertAdjacentHTML("beforeend", html);
  return document.getElementById(name);
}

const openedForms = new Set();

function show(setControls, { record, html }, place, state) {
  steps = record.steps;
  now = told(place, state, record);
  setControls(now);
  const section = sectionOf(now.network, html);
  document.querySelectorAll(".network").forEach((each) => each.classList.toggle("open", each === section));
  section.querySelectorAll(".form").forEach((each) => each.classList.toggle("open", each.dataset.form === now.form));
  const open = section.querySelector(".form.open");
  open.querySelectorAll("[data-framework]").forEach((each) => {
    each.classList.toggle("away", !now.frameworks.includes(each.dataset.framework));
  });
  if (!openedForms.has(open)) {
    openedForms.add(open);
    open.querySelector(".row").querySelectorAll(".cell").forEach((cell) => actions(cell, record, now.form));
    lineWalk(open, (roles) => change({ at: roles }, { replace: true }));
  }
  const index = record.steps.indexOf(now.step);
  drawSeen(open.querySelector("[data-seen]"), record, now, known, (step) => {
    const nearest = told("", { step }, record).step;
    if (nearest !== now.step) change({ step: nearest }, { replace: true });
  });
  open.querySelectorAll(".line[data-roles]").forEach((line) => beside(line, record.numbers[now.form], index));
  lightUp(open, now.at);
  const panel = document.getElementById("numbers");
  panel.hidden = !now.at;
  if (now.at) panel.replaceChildren(...tables(now.at.split(","), record, now, known.frameworks));
}

function startRosetta() {
  if (!window.DecompressionStream) throw new Error("This browser is too old to unpack the records; the page is as without a script.");
  const setPicker = picker(document.getElementById("picker"), known.networks, (network, chosen) => {
    const { state } = address();
    go(network, { ...state, ...Object.fromEntries(Object.keys(known.networks[0].kinds).map((kind) => [kind, ""])), ...chosen, at: "" });
  });
  const setControls = controls();
  const trouble = document.getElementById("trouble");
  let latest = 0;
  onAddress(async (place, state) => {
    const turn = ++latest, name = networkOf(place);
    setPicker(name, state);
    trouble.hidden = true;
    const here = recordHere(name);
    if (here) return show(setControls, here, place, state);
    try {
      const found = await recordOf(name);
      if (turn === latest) show(setControls, found, place, state);
    } catch (error) {
      if (turn !== latest) return;
      trouble.textContent = `${name} cannot be shown: ${error.message}.`;
      trouble.hidden = false;
      document.querySelectorAll(".network").forEach((each) => each.classList.remove("open"));
    }
  });
}

try {
  startRosetta();
} catch (error) {
  document.documentElement.classList.remove("js");
  throw error;
}
