"""A framework's defaults as a setting of single factors, each of which can be switched alone."""

from __future__ import annotations

from compare.programs.differences import differences
from compare.programs.spec import Spec
from compare.traps.catalogue import Hypothesis

FRAMEWORKS = ("numpy", "torch", "keras")
SCHEMES = {"torch": "torch_default", "keras": "keras_default"}  # NumPy takes the scenario's own
WEIGHTS, BIASES, ORDER = "initial weights", "initial biases", "order repeated in every epoch"

# Traps that are one default, in words; any other is a factor by its own name.
_WORDS = {
    "adam-as-keras-has-it": "Adam's epsilon",
    "adamw-as-keras-has-it": "AdamW's epsilon and decay",
    "norm-epsilon": "batch normalisation's epsilon",
    "norm-momentum": "batch normalisation's momentum",
    "norm-running-biased": "batch normalisation's running variance",
    "epsilon-inside-root": "the optimizer's epsilon",
    "epsilon-value": "the optimizer's epsilon",
    "decay-as-keras-has-it": "weight decay",
    "decay-on-biases": "weight decay",
    "hyperparameters-float32": "hyperparameters rounded to float32",
    "adagrad-initial-accumulator": "Adagrad's first accumulator",
    "leaky-slope": "the slope of leaky ReLU",
}

Setting = tuple[str, ...] | tuple[Hypothesis, ...]


def settings(framework: str, spec: Spec) -> dict[str, Setting]:
    """The factors in which a framework's native program differs from the reference, and how each is set there."""
    found: dict[str, Setting] = {}
    if framework in SCHEMES:
        found[WEIGHTS] = (SCHEMES[framework],)
    if framework == "torch":
        found[BIASES] = ("drawn",)
    batched = spec.batch_size is not None and spec.batch_size < spec.samples
    if framework == "keras" and spec.order == "shuffled" and batched and spec.epochs > 1:
        found[ORDER] = ("repeated",)
    for cause in differences(framework, spec):
        name = _WORDS.get(cause.trap.name, cause.trap.name)
        found[name] = (*found.get(name, ()), cause)  # type: ignore[assignment]
    return found
