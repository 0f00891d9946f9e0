// Picking a network: by name, or by what it is made of. Each choice says how many networks it leaves.

import { element } from "./dom.js";

const ANY = "";

function leaves(networks, chosen) {
  return networks.filter(({ kinds }) => Object.entries(chosen).every(([kind, value]) => value === ANY || kinds[kind] === value));
}

// Fill `form`. `pick(name, chosen)` is called with the network and the choices; the answer shows them.
export function picker(form, networks, pick) {
  const kinds = Object.keys(networks[0].kinds);
  const groups = [...new Set(networks.map((each) => each.kinds.from))];
  const network = element("select", { id: "network" });
  const count = element("span", { class: "count" });
  const selects = Object.fromEntries(kinds.map((kind) => [kind, element("select", { "data-kind": kind })]));
  const chosenNow = () => Object.fromEntries(kinds.map((kind) => [kind, selects[kind].value]));
  const changed = () => {
    const left = leaves(networks, chosenNow()).map((each) => each.name);
    pick(left.includes(network.value) ? network.value : left[0], chosenNow());
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  network.addEventListener("change", () => pick(network.value, chosenNow()));
  kinds.forEach((kind) => selects[kind].addEventListener("change", changed));
  const clear = element("button", { type: "button", class: "button", onclick: () => pick(network.value, {}) }, "Clear");
  const turn = (by) => () => {
    const names = [...network.options].map((each) => each.value);
    pick(names[(names.indexOf(network.value) + by + names.length) % names.length], chosenNow());
  };
  const before = element("button", { type: "button", class: "button", "aria-label": "Network before", onclick: turn(-1) }, "‹");
  const after = element("button", { type: "button", class: "button", "aria-label": "Next network", onclick: turn(1) }, "›");
  const narrowing = element("details", { class: "kinds", open: matchMedia("(min-width: 60rem)").matches },
    element("summary", {}, "Pick by what it is made of"),
    element("div", {}, ...kinds.map((kind) => element("label", {}, kind[0].toUpperCase() + kind.slice(1), selects[kind])), clear));
  form.append(
    element("div", { class: "pick" }, element("label", {}, element("span", {}, "Network ", count), network), before, after),
    narrowing,
  );
  form.hidden = false;
  return (name, state) => {
    const chosen = Object.fromEntries(kinds.map((kind) => [kind, state[kind] ?? ANY]));
    const left = leaves(networks, chosen);
    for (const kind of kinds) {
      const free = leaves(networks, { ...chosen, [kind]: ANY });
      const values = [...new Set(networks.map((each) => each.kinds[kind]))];
      selects[kind].replaceChildren(
        element("option", { value: ANY }, "any"),
        ...values.map((value) => {
          const many = free.filter((each) => each.kinds[kind] === value).length;
          return element("option", { value, disabled: !many && chosen[kind] !== value }, `${value} (${many})`);
        }),
      );
      selects[kind].value = chosen[kind];
    }
    const shown = left.some((each) => each.name === name) ? left : [networks.find((each) => each.name === name), ...left];
    network.replaceChildren(
      ...groups.map((group) => [group, shown.filter((each) => each.kinds.from === group)]).filter(([, all]) => all.length)
        .map(([group, all]) => element("optgroup", { label: group },
          ...all.map((each) => element("option", { value: each.name }, `${each.name}: ${each.title}`)))),
    );
    network.value = name;
    count.textContent = left.length === networks.length ? `(${left.length})` : `(${left.length} of ${networks.length})`;
    clear.disabled = left.length === networks.length;
    if (!clear.disabled) narrowing.open = true;
  };
}
