// The Rosetta page: which network, form, frameworks, step and line are shown is all in the address.

import { element, island } from "./dom.js";
import { address, change, go, onAddress } from "./address.js";
import { lineWalk, lightUp } from "./lines.js";
import { beside, tables } from "./line_numbers.js";

const record = island("record");
const networkNames = Object.keys(record.networks);
const SHOWN_FIRST = "numpy.torch";

// The whole of what is shown, from an address; whatever it says that does not exist is the default.
function told(place, state) {
  const network = networkNames.includes(place) ? place : networkNames[0];
  const form = state.form === "native" ? "native" : "equal";
  const frameworks = (state.show ?? SHOWN_FIRST).split(".").filter((name) => name in record.frameworks);
  const step = Math.min(Math.max(Math.round(Number(state.step ?? 1)) || 1, 1), record.steps);
  return { network, form, frameworks: frameworks.length ? frameworks : SHOWN_FIRST.split("."), step, at: state.at ?? "" };
}

function controls() {
  const form = document.getElementById("controls");
  form.addEventListener("submit", (event) => event.preventDefault());
  const network = element("select", { id: "network" }, ...networkNames.map((name) => element("option", { value: name }, name)));
  network.addEventListener("change", () => go(network.value, { ...address().state, at: "" }));
  const forms = ["equal", "native"].map((name) =>
    element("button", { type: "button", "data-to-form": name, onclick: () => change({ form: name, at: "" }) }, name));
  const boxes = Object.entries(record.frameworks).map(([name, label]) => {
    const box = element("input", { type: "checkbox", value: name });
    box.addEventListener("change", () => {
      const chosen = boxes.map((each) => each.querySelector("input")).filter((each) => each.checked).map((each) => each.value);
      if (chosen.length) change({ show: chosen.join(".") });
      else box.checked = true;
    });
    return element("label", {}, box, label);
  });
  const move = (by) => () => change({ step: now.step + by });
  const back = element("button", { type: "button", "aria-label": "Step back", onclick: move(-1) }, "←");
  const said = element("button", { type: "button", id: "step", "aria-label": "First step", onclick: () => change({ step: 1 }) });
  const on = element("button", { type: "button", "aria-label": "Step forward", onclick: move(1) }, "→");
  form.append(
    element("label", {}, "Network", network),
    element("span", { class: "choice" }, element("span", {}, "Form"), element("span", {}, ...forms)),
    element("fieldset", { "aria-label": "Frameworks" }, ...boxes),
    element("span", { class: "choice" }, element("span", {}, "Training step"), element("span", {}, back, said, on)),
  );
  form.hidden = false;
  return (shown) => {
    network.value = shown.network;
    forms.forEach((each) => each.setAttribute("aria-pressed", each.dataset.toForm === shown.form));
    boxes.forEach((each) => {
      const box = each.querySelector("input");
      box.checked = shown.frameworks.includes(box.value);
    });
    said.textContent = `${shown.step} of ${record.steps}`;
    back.disabled = shown.step === 1;
    on.disabled = shown.step === record.steps;
  };
}

// Copy and download beside each program's name.
function actions(cell, network, form) {
  const name = cell.dataset.framework;
  const text = () => record.networks[network][form].texts[name];
  const copy = element("button", { type: "button", class: "button" }, "Copy");
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text());
    copy.textContent = "Copied";
  });
  const save = element("button", { type: "button", class: "button" }, "Download");
  save.addEventListener("click", () => {
    const link = element("a", { href: URL.createObjectURL(new Blob([text()])), download: `${name}_${form}.py` });
    link.click();
    URL.revokeObjectURL(link.href);
  });
  cell.querySelector(".name").append(element("span", { class: "actions" }, copy, save));
}

let now = told("", {});

function startRosetta() {
  const setControls = controls();
  const panel = document.getElementById("numbers");
  const opened = new Set();
  onAddress((place, state) => {
    now = told(place, state);
    setControls(now);
    document.querySelectorAll(".network").forEach((each) => each.classList.toggle("open", each.id === now.network));
    const section = document.getElementById(now.network);
    section.querySelectorAll(".form").forEach((each) => each.classList.toggle("open", each.dataset.form === now.form));
    const open = section.querySelector(".form.open");
    open.querySelectorAll("[data-framework]").forEach((each) => {
      each.classList.toggle("away", !now.frameworks.includes(each.dataset.framework));
    });
    if (!opened.has(open)) {
      opened.add(open);
      open.querySelectorAll(".row:first-of-type .cell").forEach((cell) => actions(cell, now.network, now.form));
      lineWalk(open, (roles) => change({ at: roles }, { replace: true }));
    }
    const { roles } = record.networks[now.network][now.form];
    open.querySelectorAll(".line[data-roles]").forEach((line) => beside(line, roles, now.step));
    lightUp(open, now.at);
    panel.hidden = !now.at;
    if (now.at) panel.replaceChildren(...tables(now.at.split(","), roles, now, record.frameworks));
  });
}

try {
  startRosetta();
} catch (error) {
  document.documentElement.classList.remove("js");
  throw error;
}
