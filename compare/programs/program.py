"""A program: its sections, each a part of its framework's text in texts/, filled in for one network."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import jinja2

from compare.programs.spec import Spec
from impls.mlp_numpy import Config
from shared.names import unknown_name

FRAMEWORKS = {"numpy": "NumPy", "torch": "PyTorch", "keras": "Keras", "jax": "JAX"}
FORMS = ("native", "equal")
SECTIONS = ("head", "data", "parameters", "forward", "loss", "backward", "update", "loop", "evaluation")
MARK = "  # equal: "
WIDTH = 120


@dataclass(frozen=True)
class Line:
    """A line of a program."""

    text: str
    reason: str = ""  # why the equal form has it and the native one has not; empty if both have it


@dataclass(frozen=True)
class Section:
    """What a program does for one thing: "head" is its docstring and imports, the others are named in SECTIONS."""

    name: str
    lines: tuple[Line, ...]

    @property
    def rows(self) -> list[str]:
        return [line.text for line in self.lines]

    @property
    def text(self) -> str:
        return "\n".join(self.rows) + "\n"


@dataclass(frozen=True)
class Program:
    """A program for one network in one framework and form."""

    framework: str
    form: str
    spec: Spec
    sections: tuple[Section, ...]  # every one of SECTIONS, in their order; one may be empty

    @cached_property
    def text(self) -> str:
        """The file, as ruff formats it."""
        return self.up_to(len(self.sections))

    def up_to(self, section: int) -> str:
        """The file up to its section of this number, which is left out."""
        text, last = "", None
        for part in self.sections[:section]:
            if part.lines:
                text += _gap(last, part) + part.text
                last = part
        return text

    @property
    def added(self) -> tuple[Line, ...]:
        """The lines that make it equal to the other frameworks'."""
        return tuple(line for section in self.sections for line in section.lines if line.reason)


def program(framework: str, spec: Spec, form: str = "native", about: Sequence[str] = ()) -> Program:
    """Write the program; `about` are more lines for its docstring.

    Raises ValueError, in one line, for an unknown framework or form, and for options that make no sense.
    """
    if framework not in FRAMEWORKS:
        raise unknown_name("framework", framework, FRAMEWORKS)
    if form not in FORMS:
        raise unknown_name("form", form, FORMS)
    template = _texts().get_template(f"{framework}.py.j2")
    known = _context(framework, spec, form)
    parts = {name: _part(template, name, known) for name in SECTIONS[1:]}
    body = "\n".join(parts.values())
    parts["head"] = _part(template, "head", known | {"about": tuple(about), "uses": lambda name: _uses(body, name)})
    sections = tuple(Section(name, _lines(parts[name])) for name in SECTIONS)
    return Program(framework, form, spec, sections)


def _part(template: jinja2.Template, name: str, known: dict[str, Any]) -> str:
    """One section of a text; empty if the framework has none."""
    block = template.blocks.get(name)
    return "".join(block(template.new_context(known))).strip("\n") if block else ""


def _uses(body: str, names: str) -> bool:
    """Whether code holds all of these names."""
    code = "\n".join(line.partition("#")[0] for line in body.splitlines())
    return all(re.search(rf"\b{name}\b", code) for name in names.split())


def _lines(text: str) -> tuple[Line, ...]:
    """The lines of a section; the mark of a line that opens a block holds for the whole block."""
    lines: list[Line] = []
    reason, depth = "", -1
    for row in text.splitlines():
        if row.strip() and len(row) - len(row.lstrip()) <= depth and row.strip() not in (")", "]", "}"):
            reason, depth = "", -1
        code, _, said = row.partition(MARK)
        if said and code.endswith((":", "(", "[")):
            reason, depth = said, len(row) - len(row.lstrip())
        lines.append(Line(row, (said or reason) if row.strip() else ""))
    return tuple(lines)


def _gap(before: Section | None, after: Section) -> str:
    """The empty lines between two sections: two around a function, as everywhere in Python."""
    if before is None:
        return ""
    starts, ends = (
        next(line for line in lines if line[:1] not in ("", " ", "#")) for lines in (after.rows, before.rows[::-1])
    )
    return "\n\n" if any(line.startswith(("def ", "@")) for line in (starts, ends)) else "\n"


@lru_cache(maxsize=1)
def _texts() -> jinja2.Environment:
    texts = jinja2.Environment(
        loader=jinja2.PackageLoader("compare.programs", "texts"),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        autoescape=False,
    )
    texts.filters["number"] = number
    texts.filters["quoted"] = quoted
    texts.filters["listed"] = listed
    texts.filters["called"] = called
    texts.filters["named"] = lambda index, name: f"{name}{index}"
    texts.filters["closed"] = lambda text, end: text + end
    return texts


def number(value: float) -> str:
    """A number as one writes it: 0.1, 1e-07 as 1e-7."""
    return re.sub(r"e([+-])0*(\d)", lambda found: f"e{found[1].strip('+')}{found[2]}", repr(value))


def quoted(value: str) -> str:
    """A string in double quotes, as ruff formats it."""
    said = repr(value)
    return f'"{said[1:-1]}"' if said.startswith("'") and '"' not in said else said


def listed(items: list[str], used: int = 0, indent: int = 0, mark: str = "") -> str:
    """A list in one line, or an item a line where `used` characters beside it leave too little room."""
    line = f"[{', '.join(items)}]{mark}"
    if used + len(line) <= WIDTH:
        return line
    pad = " " * (indent + 4)
    return f"[{mark}\n" + "".join(f"{pad}{item},\n" for item in items) + " " * indent + "]"


def called(function: str, arguments: list[str], mark: str = "", indent: int = 0) -> str:
    """A call in one line, or an argument a line where it is too long."""
    pad = " " * indent
    line = f"{pad}{function}({', '.join(arguments)}){mark}"
    if len(line) <= WIDTH:
        return line
    return f"{pad}{function}({mark}\n" + "".join(f"{pad}    {each},\n" for each in arguments) + f"{pad})"


def _smooth(share: float) -> Callable[..., str]:
    """Write a target with its share spread evenly over the classes."""

    def smooth(target: str, classes: int, grouped: bool = False) -> str:
        if not share:
            return target
        said = f"{number(1 - share)} * {target} + {number(share)} / {classes}"
        return f"({said})" if grouped else said

    return smooth


def _rate(c: Config) -> Callable[[str], str]:
    """Write the learning rate of a step, counted from 1."""

    def rate(module: str) -> str:
        done = f"(step - 1) / {c.schedule_steps}"
        return number(c.learning_rate) + {
            "step": f" * {number(c.schedule_rate)} ** ((step - 1) // {c.schedule_steps})",
            "exponential": f" * {number(c.schedule_rate)} ** ({done})",
            "cosine": f" * (1 + {module}.cos({module}.pi * min({done}, 1))) / 2",
            "warmup": f" * min(step / {c.schedule_steps}, 1)",
        }.get(c.schedule, "")

    return rate


_SLOTS = {  # what an optimizer written by hand keeps of each parameter
    "sgd": [],
    "momentum": ["velocity"],
    "nesterov": ["velocity"],
    "rmsprop": ["second"],
    "adagrad": ["total"],
    "adam": ["first", "second"],
    "adamw": ["first", "second"],
}
_BY_INPUT = ("relu", "leaky_relu", "elu", "gelu", "silu", "softplus")  # whose slope is a function of z
_BY_OUTPUT = ("sigmoid", "tanh", "elu", "silu")  # whose slope is a function of f(z)


def _context(framework: str, spec: Spec, form: str) -> dict[str, Any]:
    """What a text may speak of."""
    c = spec.config
    layers: list[dict[str, Any]] = [{"i": i, "n": n, "m": m} for i, (n, m) in enumerate(pairwise(c.layer_sizes), 1)]
    softmax = c.loss == "softmax_cross_entropy"
    kept = list[str]()  # of each hidden layer, what a way back written by hand needs
    dropped = list[dict[str, Any]]()  # the hidden layers that drop something
    for layer, activation, rate in zip(layers, c.by_layer("activation"), c.by_layer("dropout"), strict=False):
        i, by_input, by_output = layer["i"], activation in _BY_INPUT, activation in _BY_OUTPUT
        layer |= {"activation": activation, "dropout": rate, "by_output": by_output, "mask": len(dropped)}
        dropped += [layer] * (rate > 0)
        kept += [f"n{i}", f"s{i}"] * c.batch_norm + [f"z{i}"] * by_input
        kept += [f"h{i}"] * (by_output and rate > 0) + [f"a{i}"]
    return {
        "spec": spec,
        "source": spec.source,
        "draw": spec.draw,
        "c": c,
        "given": spec.options,  # what was asked for; a framework's own default holds for the rest
        "framework": framework,
        "title": f"{'-'.join(map(str, c.layer_sizes))} on {spec.name} in {FRAMEWORKS[framework]}",
        "equal": form == "equal",
        "layers": layers,
        "hidden": layers[:-1],
        "dropped": dropped,
        "kept": kept,
        "last": layers[-1],
        "batch": None if spec.batch_size is None or spec.batch_size >= spec.samples else spec.batch_size,
        "softmax": softmax,
        "slots": _SLOTS[c.optimizer],
        "binary": c.loss == "binary_cross_entropy",
        "classes": c.layer_sizes[-1] if softmax else 2,
        "column": not softmax and c.layer_sizes[-1] == 1,  # targets (N,), taken as (N, 1)
        "smooth": _smooth(c.label_smoothing),
        "rate": _rate(c),
        "scaled_sum": form == "equal" and c.reduction == "sum" and not softmax and c.layer_sizes[-1] > 1,
        "no_mark": lambda reason: "",
        "mark": (lambda reason: MARK + reason) if form == "equal" else (lambda reason: ""),
        "float64": c.dtype == "float64" or ("dtype" not in spec.options and form == "equal"),
    }
