// Lines of programs that compute the same: pointing at one, or walking to it by keyboard, lights its counterparts.

function rolesOf(line) {
  return line.dataset.roles.split(",");
}

// Light all lines that share a role with `at`, a text of roles.
export function lightUp(open, at) {
  const wanted = at ? at.split(",") : [];
  const lines = [...open.querySelectorAll(".line[data-roles]")];
  lines.forEach((line) => {
    line.classList.toggle("lit", rolesOf(line).some((role) => wanted.includes(role)));
    line.classList.toggle("at", line.dataset.roles === at);
    line.setAttribute("aria-pressed", String(line.dataset.roles === at));
  });
  if (!open.contains(document.activeElement) && lines.length) {
    const first = lines.find((line) => line.dataset.roles === at) ?? lines[0];
    lines.forEach((line) => (line.tabIndex = line === first ? 0 : -1));
  }
}

// Follow pointer and keys within the open programs; chosen(roles) when a line is chosen.
export function lineWalk(open, chosen) {
  const visible = () => [...open.querySelectorAll(".line[data-roles]")].filter((line) => line.offsetParent);
  const column = (line) => line.closest("[data-framework]").dataset.framework;
  const focus = (line) => {
    if (!line) return;
    open.querySelectorAll(".line[data-roles]").forEach((each) => (each.tabIndex = each === line ? 0 : -1));
    line.focus();
    chosen(line.dataset.roles);
  };
  const lineOf = (event) => event.target.closest(".line[data-roles]");
  let pinned = "";
  open.addEventListener("pointerover", (event) => {
    const line = lineOf(event);
    if (!line || event.pointerType === "touch") return;
    pinned = open.querySelector(".line.at")?.dataset.roles ?? "";
    open.querySelectorAll(".line[data-roles]").forEach((each) => {
      each.classList.toggle("lit", rolesOf(each).some((role) => rolesOf(line).includes(role)));
    });
  });
  open.addEventListener("pointerleave", () => lightUp(open, pinned));
  open.addEventListener("click", (event) => focus(lineOf(event)));
  open.addEventListener("keydown", (event) => {
    const line = lineOf(event);
    if (!line) return;
    const lines = visible();
    const own = lines.filter((each) => column(each) === column(line));
    const columns = [...new Set(lines.map(column))];
    const next = columns[columns.indexOf(column(line)) + { ArrowLeft: -1, ArrowRight: 1 }[event.key]];
    const twin = () => {
      const there = lines.filter((each) => column(each) === next);
      return there.find((each) => rolesOf(each).some((role) => rolesOf(line).includes(role))) ?? there[0];
    };
    const to = {
      ArrowUp: () => own[own.indexOf(line) - 1],
      ArrowDown: () => own[own.indexOf(line) + 1],
      ArrowLeft: twin,
      ArrowRight: twin,
      Enter: () => line,
      " ": () => line,
    }[event.key];
    if (!to) return;
    event.preventDefault();
    focus(to());
  });
}
