// The explorer: one comparison at a time, its map, its two numbers, and the curves of its scenario. All of its state is
// in the address, so that a cell can be sent to somebody else.

import { element } from "./dom.js";
import { address, change } from "./address.js";
import { compact, exact, percent } from "./numbers.js";
import { unpacked } from "./packed.js";
import { heat } from "./heat.js";
import { curves } from "./curves.js";

const PAIR_KEYS = ["scenario", "dtype", "mode", "a", "b"];
const LOOKS = [{ width: 5.5, alpha: 0.4, dash: [] }, { width: 1.8, alpha: 1, dash: [] }, { width: 1.8, alpha: 1, dash: [3, 3] }, { width: 1.8, alpha: 1, dash: [1, 2] }];
const lookOf = (place, colour = place) => ({ ...LOOKS[Math.min(place, LOOKS.length - 1)], colour: `series-${(colour % 6) + 1}` });

// The cells of all comparisons: one compressed piece, array after array.
async function unfold(map) {
  if (!map.cells) return [];
  const bytes = unpacked(map.cells, "u1");
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  const raw = new Uint8Array(await new Response(stream).arrayBuffer());
  const sizes = map.comparisons.map(({ tensors, columns }) => tensors.length * columns);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const kinds = { f8: Float64Array, f4: Float32Array, i2: Int16Array, i8: BigInt64Array };
  const arrays = {};
  let start = 0;
  for (const [name, kind] of map.layout) {
    const width = kinds[kind].BYTES_PER_ELEMENT;
    const ordered = new Uint8Array(total * width); // the first bytes of all numbers came first
    for (let part = 0; part < width; part++) {
      for (let i = 0; i < total; i++) ordered[i * width + part] = raw[start + part * total + i];
    }
    arrays[name] = new kinds[kind](ordered.buffer);
    start += total * width;
  }
  const bits = new BigInt64Array(arrays.b.buffer);
  const one = new Float64Array(1);
  const oneBits = new BigInt64Array(one.buffer);
  const numberA = (i) => {
    oneBits[0] = bits[i] + arrays.a_bits_less_b[i];
    return one[0];
  };
  let offset = 0;
  return map.comparisons.map((comparison, number) => {
    const first = offset;
    offset += sizes[number];
    const at = (row, column) => {
      if (row < 0 || column < 0 || row >= comparison.tensors.length || column >= comparison.columns) return null;
      const i = first + row * comparison.columns + column;
      if (arrays.step[i] < 0) return null;
      const [used, bound] = [arrays.used[i], arrays.bound[i]];
      const index = [arrays.index[i], arrays.index2[i]].filter((part) => part >= 0);
      return { step: arrays.step[i], used, bound, difference: used * bound, a: numberA(i), b: arrays.b[i], index };
    };
    return { ...comparison, at };
  });
}

const matches = (entry, wanted) => Object.entries(wanted).every(([key, value]) => entry[key] === value);
const distinct = (entries, key) => [...new Set(entries.map((entry) => entry[key]))];
const pairText = ({ a, b }) => (a === "float64" ? b : `${a} – ${b}`);

// One entry for each comparison, scenario by scenario.
function inOrder(entries) {
  const found = new Map(entries.map((entry) => [PAIR_KEYS.map((key) => entry[key]).join(" "), entry]).reverse());
  return [...Map.groupBy([...found.values()].reverse(), (entry) => entry.scenario).values()].flat();
}

// Build it in `place`; returns show(state) to be called with the address's state.
export async function explorer(place, data) {
  const maps = await unfold(data.map);
  const known = inOrder([...maps, ...data.drift]);
  let shown = "";

  // What the address leaves open is filled in: where the run differs, there; else the first there is.
  function settled(state) {
    const wish = { ...(data.opens ?? {}), ...state };
    let left = known;
    const chosen = {};
    for (const key of PAIR_KEYS) {
      const fitting = left.filter((entry) => entry[key] === wish[key]);
      left = fitting.length ? fitting : left.filter((entry) => entry[key] === left[0][key]);
      chosen[key] = left[0][key];
    }
    return chosen;
  }

  function choice(label, key, options, value, write = (option) => option) {
    if (key === "scenario") {
      const select = element("select", {}, ...options.map((option) => element("option", { value: option, selected: option === value }, option)));
      select.addEventListener("change", () => change({ scenario: select.value, tensor: "", step: "", phase: "", from: "", to: "" }));
      return element("label", {}, label, select);
    }
    const buttons = options.map((option) => {
      const button = element("button", { type: "button", "aria-pressed": String(option === value) }, write(option));
      button.addEventListener("click", () => change({ [key]: option, ...(key === "mode" || key === "dtype" ? { tensor: "", phase: "" } : {}) }));
      return button;
    });
    return element("div", { class: "choice", role: "group", "aria-label": label }, element("span", {}, label), element("span", {}, ...buttons));
  }

  function show(state) {
    if (!known.length) return;
    const now = settled(state);
    const quantity = state.quantity ?? "weights";
    const hidden = new Set((state.hide ?? "").split(",").filter(Boolean));
    const built = JSON.stringify([now, quantity, [...hidden]]);
    if (built === shown) return void place.follow?.(state);
    const focus = document.activeElement?.closest?.(".choice, select")?.getAttribute?.("aria-label") ?? (document.activeElement?.tagName === "SELECT" ? "select" : "");
    const pressed = document.activeElement?.textContent;
    shown = built;
    build(now, state, quantity, hidden);
    if (focus === "select") place.querySelector("select")?.focus();
    else if (focus) [...place.querySelectorAll(`[aria-label="${focus}"] button`)].find((b) => b.textContent === pressed)?.focus();
  }

  function build(now, state, quantity, hidden) {
    const ofScenario = known.filter((entry) => matches(entry, { scenario: now.scenario }));
    const ofType = ofScenario.filter((entry) => entry.dtype === now.dtype);
    const pairs = ofType.filter((entry) => entry.mode === now.mode);
    const controls = element("div", { class: "controls" },
      choice("Scenario", "scenario", distinct(known, "scenario"), now.scenario),
      choice("Precision", "dtype", distinct(ofScenario, "dtype"), now.dtype),
      choice("Mode", "mode", distinct(ofType, "mode"), now.mode),
      pairChoice(pairs, now));
    const title = data.scenarios.find((entry) => entry.name === now.scenario)?.title ?? "";
    const grid = maps.find((entry) => matches(entry, now));
    const card = element("div", { class: "numbers", "aria-live": "polite" });
    const parts = [controls, element("p", { class: "note" }, title)];
    let map = null;
    if (grid) {
      map = heat(grid, `Map of ${now.scenario}, ${pairText(now)}`, { onChoose: (row, column, kept) => choose(grid, row, column, kept) });
      const wide = grid.steps > 1 ? ` A column is ${grid.steps} steps and shows the worst of them.` : "";
      parts.push(element("h3", {}, `Every tensor in every step: ${pairText(now)}`),
        element("div", { class: "map" }, map.holder, card),
        element("p", { class: "note" }, `Each cell is the entry of a tensor that used most of its bound.${wide}`));
    } else parts.push(element("p", { class: "note" }, maps.length ? "The page has no room for this map: data/map.parquet holds it." : "This run stored no map."));
    const drawn = curvesOf(now, state, quantity, hidden);
    parts.push(element("div", { class: "panels", style: "--panel: 24rem" }, ...drawn.map((curve) => curve.node)));
    place.replaceChildren(...parts);
    place.follow = (told) => {
      if (grid) follow(grid, told);
      const step = told.step === undefined ? null : Number(told.step);
      const span = told.from === undefined ? null : [Number(told.from), Number(told.to)];
      drawn.forEach((curve) => curve.chart.set({ cursor: step, span }));
    };
    place.follow(state);

    function follow(grid_, told) {
      const wish = { ...(data.opens && matches(data.opens, now) ? data.opens : {}), ...told };
      let cell = null;
      if (wish.tensor !== undefined) {
        const row = grid_.tensors.findIndex(([phase, name]) => name === wish.tensor && (!wish.phase || phase === wish.phase));
        const column = Math.floor((Number(wish.step ?? 1) - 1) / grid_.steps);
        if (row >= 0 && grid_.at(row, column)) cell = [row, column];
      }
      cell ??= worst(grid_, told.step === undefined ? null : Math.floor((Number(told.step) - 1) / grid_.steps));
      if (!cell) return;
      map.mark(...cell);
      card.replaceChildren(...numbersOf(now, grid_, ...cell));
    }

    function choose(grid_, row, column, kept) {
      const cell = grid_.at(row, column);
      card.replaceChildren(...numbersOf(now, grid_, row, column));
      if (!cell) return;
      const [phase, tensor] = grid_.tensors[row];
      change({ ...now, phase, tensor, step: cell.step }, { replace: !kept });
    }
  }

  function pairChoice(pairs, now) {
    const label = now.dtype === "float64" ? "Between" : "Against the float64 run";
    const buttons = pairs.map((entry) => {
      const pressed = entry.a === now.a && entry.b === now.b;
      const button = element("button", { type: "button", "aria-pressed": String(pressed) }, pairText(entry));
      button.addEventListener("click", () => change({ a: entry.a, b: entry.b }));
      return button;
    });
    return element("div", { class: "choice", role: "group", "aria-label": label }, element("span", {}, label), element("span", {}, ...buttons));
  }

  // The cell that used most of its bound, in one column or in all.
  function worst(grid, column) {
    let best = null, most = -1;
    for (let row = 0; row < grid.tensors.length; row++) {
      for (let c = column ?? 0; c <= (column ?? grid.columns - 1); c++) {
        const used = grid.at(row, c)?.used;
        if (used !== undefined && (Number.isNaN(used) ? Infinity : used) > most) [best, most] = [[row, c], used];
      }
    }
    return best;
  }

  function numbersOf(now, grid, row, column) {
    const cell = grid.at(row, column);
    const [phase, name] = grid.tensors[row];
    if (!cell) return [element("p", { class: "note" }, `${name} has no value in this step.`)];
    const index = cell.index.length && name !== "loss" ? ` [${cell.index.join(", ")}]` : "";
    const head = [element("p", { class: "where" }, `${name}${index}`), element("p", { class: "note" }, `step ${cell.step}, ${phase}, ${now.mode}`)];
    if (cell.used === 0) return [...head, element("p", {}, "Equal to the last bit in every entry of the tensor.")];
    const [one, other] = apart(cell.a, cell.b);
    const fails = !(cell.used <= 1);
    return [...head,
      element("dl", { class: "values" },
        element("dt", {}, now.a), element("dd", { "data-value": "a" }, ...one),
        element("dt", {}, now.b), element("dd", { "data-value": "b" }, ...other),
        element("dt", {}, "difference"), element("dd", { "data-value": "difference" }, compact(cell.difference)),
        element("dt", {}, "bound"), element("dd", { "data-value": "bound" }, compact(cell.bound)),
        element("dt", {}, "used"), element("dd", { "data-value": "used", class: fails ? "bad" : "" }, `${fails ? "✗ " : ""}${percent(cell.used)}`)),
      element("div", { class: "meter", "aria-hidden": "true" }, element("span", { class: fails ? "over" : "", style: `width: ${Math.min(100, fails ? 100 : cell.used * 100)}%` })),
      element("p", { class: "note" }, fails ? "Rounding cannot explain this difference." : "Rounding alone may cause this difference."),
      element("details", {}, element("summary", {}, "Where the bound comes from"),
        element("p", { class: "note" }, data.gates[now.dtype] ?? ""),
        element("p", { class: "note" }, "Difference and bound are shares of the tensor's largest entry; the two numbers are those of the entry that used most of its bound."))];
  }

  // Two numbers in full, what differs from the first differing digit on marked.
  function apart(a, b) {
    const [one, other] = [exact(a), exact(b)];
    let same = 0;
    while (same < Math.min(one.length, other.length) && one[same] === other[same]) same++;
    const split = (text) => [text.slice(0, same), ...(same < text.length ? [element("mark", {}, text.slice(same))] : [])];
    return [split(one), split(other)];
  }

  function curvesOf(now, state, quantity, hidden) {
    const found = [];
    const onCursor = (step) => change({ step, tensor: "", phase: "" }, { replace: true });
    const onSpan = (span) => change({ from: span?.[0] ?? "", to: span?.[1] ?? "" });
    const options = { onCursor, onSpan, hidden, height: 240 };
    const losses = data.losses.filter((entry) => matches(entry, { scenario: now.scenario, dtype: now.dtype }));
    if (losses.length) {
      const styles = Object.fromEntries(data.implementations.map((name, i) => [name, lookOf(i)]));
      const drawn = losses.map((entry) => curve(entry.implementation, entry.loss));
      const mark = { lines: drawn, x_label: "training step", y_label: "loss", log_y: false, log_x: 0, floor: null, top: null, empty: "no finite loss" };
      found.push(framed(`Loss, ${now.dtype}, on its own`, mark, styles, options, hidden));
    }
    const drift = data.drift.filter((entry) => matches(entry, { scenario: now.scenario, dtype: now.dtype, mode: now.mode, quantity }));
    if (drift.length) {
      const single = drift.every((entry) => entry.a === "float64");
      const styles = Object.fromEntries(drift.map((entry, i) => [pairText(entry), lookOf(i, single ? data.implementations.indexOf(entry.b) : 3 + i)]));
      styles.bound = { colour: "ink", width: 1, dash: [6, 3], alpha: 0.75 };
      const drawn = drift.map((entry) => curve(pairText(entry), entry.difference));
      const own = drift.find((entry) => entry.a === now.a && entry.b === now.b) ?? drift[0];
      const place = drift.indexOf(own); // a bound that repeats itself is stored once, with the first of them
      const bound = curve("bound", drift.slice(0, place + 1).findLast((entry) => entry.bound).bound);
      if (bound.y.some((value) => value > 0)) drawn.push({ ...bound, y: bound.y.map((value) => (value > 0 ? value : null)) });
      const positive = drawn.flatMap((line) => line.y).filter((value) => value > 0);
      const floor = positive.length ? 10 ** (Math.floor(Math.log10(Math.min(...positive))) - 1) : 1e-17;
      const mark = { lines: drawn, x_label: "training step", y_label: "difference", log_y: true, log_x: 0, floor, top: null, empty: "NaN at every step" };
      const switcher = choice("Of the", "quantity", distinct(data.drift, "quantity"), quantity);
      found.push(framed(`Difference of the ${quantity}, ${now.dtype}, ${now.mode}`, mark, styles, options, hidden, switcher));
    }
    return found;
  }

  function curve(name, packed) {
    const y = [...unpacked(packed, "f4")].map((value) => (Number.isFinite(value) ? Number(value.toPrecision(7)) : null));
    return { name, x: y.map((_, i) => i + data.first), y };
  }

  function framed(title, mark, styles, options, hidden, ...more) {
    const chart = curves(mark, styles, title, options);
    const names = [...new Set(mark.lines.map((line) => line.name))];
    const boxes = names.map((name) => {
      const box = element("input", { type: "checkbox", checked: !hidden.has(name) });
      box.checked = !hidden.has(name);
      box.addEventListener("change", () => {
        const off = new Set((address().state.hide ?? "").split(",").filter(Boolean));
        if (box.checked) off.delete(name);
        else off.add(name);
        change({ hide: [...off].join(",") });
      });
      return element("label", { class: "series" }, box, element("span", { class: "line", style: `--c: var(--${styles[name].colour}); --w: ${Math.min(styles[name].width, 4)}px` }), name);
    });
    const zooms = [["+", "Zoom in", () => chart.zoomBy(0.5)], ["−", "Zoom out", () => chart.zoomBy(2)], ["All", "Show all steps", () => change({ from: "", to: "" })]]
      .map(([text, label, act]) => element("button", { type: "button", class: "button small", "aria-label": label, onclick: act }, text));
    const node = element("figure", {}, element("figcaption", {}, title),
      element("div", { class: "controls tight" }, ...more, ...boxes, element("span", { class: "zooms" }, ...zooms)), chart.holder);
    return { node, chart };
  }

  return show;
}
