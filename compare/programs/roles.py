"""Which of the recorded numbers each line of a program computes.

A role is a name in the record: z1, a1, loss, dW1, … as in values.py, x, y and mask1 of a step's batch, W1, b1, … after
the step, "first W1" as drawn, "test z" of the evaluation. Lines of one role are each other's counterparts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from compare.programs.program import Program, Section

Roles = dict[tuple[str, int], list[str]]  # by section and line, counted from 0

# (section, what its line looks like, roles): * stands for every layer, \1 for what the pattern found.
_COMMON = [
    ("parameters", r"^W(\d+), b\d+ = .*(rng|random)", [r"first W\1", r"first b\1"]),
    ("parameters", r"^(W|b)(\d+) = .*(rng|random)", [r"first \1\2"]),
    ("loop", r"^\s+(mask\d+) = ", [r"\1"]),
    ("evaluation", r"^\s*(?:\*_, )?z(?:, _)? = ", ["test z", "test p"]),
]
_BY_HAND = [
    ("forward", r"^    ([nz]\d+), ", [r"\1"]),
    ("forward", r"^    n\d+, (s\d+) = ", [r"\1"]),
    ("forward", r"^    ([zha]\d+) = ", [r"\1"]),
    ("forward", r"^    return .*@ W(\d+) \+ b\d+(, moved)?$", [r"z\1"]),
]
_RULES = {
    "numpy": [
        *_COMMON,
        *_BY_HAND,
        ("forward", r"^        mean \+= ", ["mean*"]),
        ("forward", r"^        variance \+= ", ["variance*"]),
        ("loss", r"^    (log_p|p|target|weights) = ", [r"\1"]),
        ("loss", r"^    terms, slope = ", ["terms", "slope"]),
        ("loss", r"^    terms = ", ["terms"]),
        ("loss", r"^    slope = ", ["slope"]),
        ("loss", r"^    return ", ["loss"]),
        ("backward", r"^    (?:_, )?([de]\d+) = ", [r"\1"]),
        ("backward", r"^    return ", ["dW*", "db*", "dg*"]),
        ("update", r"^        p -= .*(g|b|m|v|s)\b", ["W*", "b*", "g*"]),
        ("loop", r"backward\(", ["x", "y"]),
    ],
    "jax": [
        *_COMMON,
        *_BY_HAND,
        ("forward", r"^        running = 0\.9", ["mean*", "variance*"]),
        ("loss", r"^    return ", ["loss"]),
        ("backward", r"^    return |^    z, running = ", ["dW*", "db*", "dg*"]),
        ("update", r"optax\.apply_updates", ["W*", "b*", "g*"]),
        ("loop", r" = update\(", ["x", "y"]),
    ],
    "torch": [
        *_COMMON,
        ("loss", r"^loss_function = |^def loss_function", ["loss"]),
        ("loop", r"^\s+loss = loss_function\(net\(", ["x", "y", "loss"]),
        ("loop", r"loss\.backward\(\)", ["dW*", "db*", "dg*"]),
        ("loop", r"optimizer\.step\(\)", ["W*", "b*", "g*"]),
    ],
    "keras": [
        *_COMMON,
        ("loss", r"^loss_function = ", ["loss"]),
        ("loop", r"model\.fit\(", ["x", "y", "dW*", "db*", "dg*", "W*", "b*", "g*"]),
    ],
}
_PARTS = re.compile(
    r"\b(?:nn|layers)\.(Linear|Dense|BatchNorm1d|BatchNormalization|Dropout|Multiply|Activation"
    r"|ReLU|Sigmoid|Tanh|LeakyReLU|ELU|GELU|SiLU|Softplus)\("
)
_DENSE, _NORM, _DROP = ("Linear", "Dense"), ("BatchNorm1d", "BatchNormalization"), ("Dropout", "Multiply")


def roles(program: Program, known: Iterable[str]) -> Roles:
    """The roles of each line that has any, of those that are `known` from the program's run."""
    given, layers = set(known), len(program.spec.layer_sizes) - 1
    found: Roles = {}

    def add(section: Section, line: int, names: Iterable[str]) -> None:
        here = found.setdefault((section.name, line), [])
        here += [name for name in names if name in given and name not in here]

    for section in program.sections:
        for place, names in _by_rules(program.framework, section, layers):
            add(section, place, names)
        if section.name == "forward" and program.framework in ("torch", "keras"):
            for place, names in _by_parts(program, section):
                add(section, place, names)
        if section.name == "data":
            for name in ("x_train", "y_train"):
                lines = [i for i, text in enumerate(section.rows) if re.match(rf"^[^=]*\b{name}\b[^=]*=", text)]
                if lines:
                    add(section, lines[-1], [name])
    return {place: names for place, names in found.items() if names}


def _by_rules(framework: str, section: Section, layers: int) -> Iterator[tuple[int, list[str]]]:
    for place, text in enumerate(section.rows):
        for where, pattern, names in _RULES[framework]:
            match = re.search(pattern, text) if where == section.name else None
            for name in names if match else ():
                if name.endswith("*"):
                    yield place, [f"{name[:-1]}{i}" for i in range(1, layers + 1)]
                elif match:
                    yield place, [match.expand(name)]


def _by_parts(program: Program, section: Section) -> Iterator[tuple[int, list[str]]]:
    """What the modules and layers of a line give, one after the other."""
    layer, after = 0, ["h" if rate else "a" for rate in program.spec.config.by_layer("dropout")]
    for place, text in enumerate(section.rows):
        code = text.partition("  # ")[0]
        for part in _PARTS.findall(code):
            layer += part in _DENSE
            if part in _DENSE:
                drawn = [f"first W{layer}", f"first b{layer}"] if program.form == "native" else []
                last = layer == len(program.spec.layer_sizes) - 1
                yield place, [*drawn, f"{'u' if program.spec.config.batch_norm and not last else 'z'}{layer}"]
                if "activation=" in code:
                    yield place, ["p" if last else f"{after[layer - 1]}{layer}"]
            elif part in _NORM:
                yield place, [f"z{layer}", f"mean{layer}", f"variance{layer}"]
            elif part in _DROP:
                yield place, [f"mask{layer}", f"a{layer}"]
            else:
                yield place, [f"{after[layer - 1]}{layer}"]
