"""The mend of each difference of a native program: the equal program's lines for it, as a diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from compare.programs.program import MARK, Line, Program

WEIGHTS, ORDER, MASKS = "first weights", "its own order", "its own dropout masks"
RATES, PRECISION, OTHER = "learning rates computed in float32", "float32 instead of float64", "other lines"
_ADAM = ("adam-as-keras-has-it", "adamw-as-keras-has-it")
_KERAS_UPDATE = (*_ADAM, "momentum-as-keras-has-it", "decay-as-keras-has-it", "epsilon-inside-root", "epsilon-value",
                 "rmsprop-decay", "adagrad-initial-accumulator")  # fmt: skip
_ROOT = ("epsilon-inside-root", "epsilon-value", "rmsprop-decay", "adagrad-initial-accumulator")

# A mark's reason, and the beginnings of the differences' names that its line mends.
REASONS: dict[str, tuple[str, ...]] = {
    "15 digits": (PRECISION,),
    "one seed for weights and order in all": (WEIGHTS, ORDER, MASKS),
    "shared": (WEIGHTS,),
    "not PyTorch's own": (WEIGHTS,),
    "not Keras' own": (WEIGHTS,),
    "it keeps W as (out, in)": (WEIGHTS,),
    "from NumPy": (WEIGHTS,),
    "the same order in all": (ORDER,),
    "fit would shuffle": (ORDER, MASKS),
    "the dropped units": (MASKS,),
    "the same units": (MASKS,),
    "the same units in all": (MASKS,),
    "the same units are dropped in all": (MASKS,),
    "they are inputs": (MASKS,),
    "the masks of an epoch are inputs": (MASKS,),
    "nothing is dropped": (MASKS,),
    "masks are inputs": (MASKS,),
    "JAX approximates by tanh": ("gelu-tanh",),
    "JAX's abs has a slope of 1 at 0": ("absolute-error-slope-at-0",),
    "exact in float64": ("gelu-float32-constant",),
    "Keras' slope is 0.2": ("leaky-slope",),
    "Keras' are 0.99 and 1e-3": ("norm-epsilon", "norm-momentum"),
    "PyTorch keeps the unbiased variance of a batch, Keras the biased one": ("norm-running-biased",),
    "in every batch normalisation": ("norm-running-biased",),
    "Softplus is linear above 20 by default": ("softplus-threshold",),
    "the weights' sum divides": ("class-weights-by-count",),
    "by the weights' sum": ("class-weights-by-count", "class-weights-in-target"),
    "a sample's weight, not a class's": ("class-weights-in-target",),
    "a sum over outputs too": ("loss-over-outputs",),
    "Keras rounds floats": (*_KERAS_UPDATE, "hyperparameters-float32", RATES),
    "kept, to be called below": _KERAS_UPDATE,
    "in place of Keras' own": _KERAS_UPDATE,
    "PyTorch adds epsilon to the corrected root": (*_ADAM, "decay-as-keras-has-it"),
    "PyTorch adds epsilon outside the root": (*_ROOT, "decay-as-keras-has-it"),
    "PyTorch keeps the rate out of the velocity": ("momentum-as-keras-has-it", "decay-as-keras-has-it"),
    "decay is added to the gradient": ("decay-as-keras-has-it",),
    "matrices alone decay": ("decay-on-biases", "adamw-as-keras-has-it"),
    "biases and scales do not": ("decay-on-biases",),
    "two groups": ("decay-on-biases",),
    "they alone decay": ("decay-on-biases",),
    "clip_grad_norm_ adds 1e-6": ("clip-epsilon",),
    "which is taken away": ("clip-epsilon",),
    "PyTorch's alpha is 0.99": ("rmsprop-decay",),
    "PyTorch's epsilon is 1e-10 here": ("epsilon-value",),
    "optax computes it in float32": (RATES,),
    "optax: 0.9, and epsilon under the root": _ROOT,
    "optax starts at 0.1, with epsilon under the root": _ROOT,
    "it": _ROOT,
}


def mended_by(line: Line, named: Iterable[str]) -> list[str]:
    """Which of these differences, by their names, a line of the equal form mends."""
    starts = tuple(start for reason in line.reason.split("; ") for start in REASONS.get(reason, ()))
    return [name for name in named if name.startswith(starts)] if starts else []


def mends(native: Program, equal: Program, named: Iterable[str]) -> dict[str, list[str]]:
    """By difference the lines of its diff, native to equal, beginning with -, + or a space; OTHER for lines of none.

    Where one place mends several, what is taken away there stands in the diff of each.
    """
    names = [*named, PRECISION]
    found: dict[str, list[str]] = {}
    for before, after in zip(native.sections[1:], equal.sections[1:], strict=True):
        heads: set[str] = set()
        for tag, a, b, c, d in difflib.SequenceMatcher(None, before.rows, after.rows, autojunk=False).get_opcodes():
            if tag == "equal":
                continue
            heading = f"# {after.name.title()}"
            added = [line for line in after.lines[c:d] if line.text.strip() and not line.text.startswith(heading)]
            away = [f"-{text}" for text in before.rows[a:b] if text.strip() and not text.startswith(heading)]
            owners = {name for line in added for name in mended_by(line, names)} or ({OTHER} if added or away else ())
            for name in owners:
                lines = found.setdefault(name, [])
                if name not in heads:
                    heads.add(name)
                    lines.append(f" # {after.name.title()}")
                mine = [line for line in added if name in (mended_by(line, names) or [OTHER, *owners])]
                lines += away + [f"+{line.text.partition(MARK)[0].rstrip()}" for line in mine]
    return {name: found[name] for name in (*names, OTHER) if name in found}
