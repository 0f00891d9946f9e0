"""Which of the recorded numbers each line of a program computes.

A role is a name in the record: z1, a1, loss, dW1, … as in values.py, x and y of a step's batch, W1, b1, … after the
step, "first W1" as drawn, "test z" of the evaluation. Lines of one role are each other's counterparts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from compare.programs.program import Program, Section

Roles = dict[tuple[str, int], list[str]]  # by section and line, counted from 0

# (section, what its line looks like, roles): * stands for every layer, \1 for what the pattern found.
_COMMON = [
    ("parameters", r"^W(\d+), b\d+ = .*(rng|random)", [r"first W\1", r"first b\1"]),
    ("evaluation", r"^\s*(?:\*_, )?z = ", ["test z"]),
    ("evaluation", r"^loss = |^print\(", []),
]
_BY_HAND = [
    ("forward", r"^    (z\d+) = ", [r"\1"]),
    ("forward", r"^    (a\d+) = ", [r"\1"]),
    ("forward", r"^    return .*@ W(\d+) \+ b\d+$", [r"z\1"]),
]
_RULES = {
    "numpy": [
        *_COMMON,
        *_BY_HAND,
        ("loss", r"^    (log_p) = ", [r"\1"]),
        ("loss", r"^    terms, slope = ", ["terms", "slope"]),
        ("loss", r"^    return ", ["loss"]),
        ("backward", r"^    (?:_, )?(d\d+) = ", [r"\1"]),
        ("backward", r"^    return ", ["dW*", "db*"]),
        ("update", r"^        p -= ", ["W*", "b*"]),
        ("loop", r"backward\(", ["x", "y"]),
    ],
    "jax": [
        *_COMMON,
        *_BY_HAND,
        ("loss", r"^    return ", ["loss"]),
        ("backward", r"^    return ", ["dW*", "db*"]),
        ("update", r"optax\.apply_updates", ["W*", "b*"]),
        ("loop", r" = update\(", ["x", "y"]),
    ],
    "torch": [
        *_COMMON,
        ("forward", r"^net = nn\.Sequential\(", ["inner"]),
        ("loss", r"^loss_function = ", ["loss"]),
        ("loop", r"^\s+loss = loss_function\(net\(", ["x", "y", "loss"]),
        ("loop", r"loss\.backward\(\)", ["dW*", "db*"]),
        ("loop", r"optimizer\.step\(\)", ["W*", "b*"]),
    ],
    "keras": [
        *_COMMON,
        ("forward", r"^\s+layers\.Dense\(", ["inner"]),
        ("loss", r"^loss_function = ", ["loss"]),
        ("loop", r"model\.fit\(", ["x", "y", "dW*", "db*", "W*", "b*"]),
    ],
}
_DRAWN_BY_LAYERS = {"torch": r"^net = nn\.Sequential\(", "keras": r"^\s+layers\.Dense\("}  # in the native form


def roles(program: Program, known: Iterable[str]) -> Roles:
    """The roles of each line that has any, of those that are `known` from the program's run."""
    given, layers = set(known), len(program.spec.layer_sizes) - 1
    found: Roles = {}

    def add(section: Section, line: int, names: list[str]) -> None:
        here = found.setdefault((section.name, line), [])
        here += [name for name in names if name in given and name not in here]

    for section in program.sections:
        dense = 0
        for place, text in enumerate(section.rows):
            drawn = _DRAWN_BY_LAYERS.get(program.framework)
            if program.form == "native" and drawn and section.name == "forward" and re.search(drawn, text):
                each = range(1, layers + 1) if program.framework == "torch" else [dense + 1]
                add(section, place, [f"first {kind}{i}" for i in each for kind in "Wb"])
            for where, pattern, names in _RULES[program.framework]:
                match = re.search(pattern, text) if where == section.name else None
                if not match:
                    continue
                for name in names:
                    if name == "inner":
                        dense += 1
                        each = range(1, layers + 1) if program.framework == "torch" else [dense]
                        add(section, place, [f"{kind}{i}" for i in each for kind in "za"])
                    elif name.endswith("*"):
                        add(section, place, [f"{name[:-1]}{i}" for i in range(1, layers + 1)])
                    else:
                        add(section, place, [match.expand(name)])
        if section.name == "data":
            for name in ("x_train", "y_train"):
                lines = [i for i, text in enumerate(section.rows) if re.match(rf"^[^=]*\b{name}\b[^=]*=", text)]
                if lines:
                    add(section, lines[-1], [name])
    return {place: names for place, names in found.items() if names}
