"""False alarms: correct implementations with random networks, options, seeds and data, judged as any other.

What is compared with the reference is as right as it: the PyTorch template, the reference with every sum in another
order, and in float32 the reference itself. Every difference that is called one is a fault of the bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from compare.ledger.adapters import build as build_template
from compare.ledger.contract import Implementation
from compare.ledger.parity import Comparison, in_step, on_its_own
from compare.ledger.trace import record
from compare.traps.catalogue.trap import template
from compare.traps.scenarios import Case
from impls import mlp_numpy
from shared.datasets import Dataset
from shared.scenarios import Plan, Scenario, plan
from shared.weights import SCHEMES


@dataclass(frozen=True)
class Clean:
    """A correct implementation's verdict in both modes."""

    number: int  # of the drawn plan
    kind: str
    dtype: str
    config: dict[str, Any]
    comparisons: tuple[Comparison, ...]

    @property
    def false_alarm(self) -> bool:
        return not all(comparison.equal for comparison in self.comparisons)

    @property
    def used(self) -> float:
        """The largest share of a bound that was used."""
        return max(gap.used for comparison in self.comparisons for gap in comparison.worst)


def clean_comparisons(count: int, seed: int = 0, kinds: tuple[str, ...] = ("reordered", "torch")) -> Iterator[Clean]:
    """`count` comparisons of randomly drawn correct pairs, each in step and on its own."""
    random = np.random.default_rng(seed)
    number, given = 0, 0
    while given < count:
        case = Case(random_plan(random, number))
        if _has_bounds(case):
            for kind, dtype in product(kinds, ("float64", "float32")):
                if given < count:
                    given += 1
                    yield _compare(case, number, kind, dtype)
        number += 1


def _has_bounds(case: Case) -> bool:
    """Whether float32 can hold every number and every bound: where a training diverges, rounding may do anything."""
    trace, largest = case.reference, np.finfo(np.float32).max
    with np.errstate(all="ignore"):
        errors = [case.ruler.errors(step, "float32") for step in range(len(case.plan.steps))]
    numbers = [trace.params, trace.logits, trace.gradients, trace.losses]
    numbers += [array for e in errors for array in (e.params, e.logits, np.array(e.loss))]
    return all(bool((np.abs(array) < largest).all()) for array in numbers)


def _compare(case: Case, number: int, kind: str, dtype: str) -> Clean:
    def fresh() -> Implementation:
        if kind == "torch":
            return build_template("torch", case.plan.config | {"dtype": dtype}, case.plan.params)
        module = template()
        if kind == "reordered":
            reorder(module, np.random.default_rng(number))
        return module.MLP(module.Config(**case.plan.config, dtype=dtype), case.plan.params)

    names = ("reference", kind)
    return Clean(
        number,
        kind,
        dtype,
        case.plan.config,
        (
            in_step(case.ruler, dtype, names, case.reference, record(fresh(), case.plan, case.reference)),
            on_its_own(case.ruler, dtype, names, case.reference, record(fresh(), case.plan)),
        ),
    )


def random_plan(random: np.random.Generator, number: int) -> Plan:
    """A small network with random options on random data."""

    def one_of(*choices: Any) -> Any:
        return choices[random.integers(len(choices))]

    loss = one_of(*mlp_numpy.LOSSES)
    classes = int(random.integers(2, 8)) if loss == "softmax_cross_entropy" else 2
    inputs, samples, batch = (int(random.integers(*span)) for span in ((1, 20), (12, 80), (2, 40)))
    batch_norm = bool(random.random() < 0.25) and samples % batch != 1
    optimizer = one_of(*mlp_numpy.OPTIMIZERS)
    schedule = one_of("constant", *mlp_numpy.SCHEDULES)
    rates = {"sgd": 0.3, "momentum": 0.05, "nesterov": 0.05, "adagrad": 0.05}
    hidden = tuple(int(units) for units in random.integers(1, 24, int(random.integers(1, 4))))
    mixed = tuple(one_of(*mlp_numpy.ACTIVATIONS) for _ in hidden)
    options: dict[str, Any] = {
        "loss": loss,
        "activation": one_of(*mlp_numpy.ACTIVATIONS, mixed, mixed),
        "reduction": one_of("mean", "mean", "mean", "sum"),
        "optimizer": optimizer,
        "learning_rate": rates.get(optimizer, 0.01) * float(10 ** random.uniform(-2, 0.3)),
        "weight_decay": one_of(0.0, 0.0, 1e-3, 0.1),
        "schedule": schedule,
        "schedule_steps": int(random.integers(2, 20)),
        "dropout": one_of(0.0, 0.0, 0.0, 0.3, tuple(one_of(0.0, 0.1, 0.5) for _ in hidden)),
        "batch_norm": batch_norm,
    }
    if random.random() < 0.3:
        options[one_of("clip_norm", "clip_value")] = float(10 ** random.uniform(-2, 0.5))
    if loss.endswith("cross_entropy"):
        options["label_smoothing"] = one_of(0.0, 0.0, 0.1)
        if random.random() < 0.3:
            options["class_weights"] = tuple(float(w) for w in random.uniform(0.2, 5, classes))
    scenario = Scenario(
        f"random-{number}",
        "a random network",
        "random",
        hidden,
        options,
        one_of(*SCHEMES),
        float(10 ** random.uniform(-1, 0.3)),
        min(batch, samples),
        epochs=max(1, 10 * batch // samples),
        seed=int(random.integers(2**31)),
    )
    return plan(scenario, _random_data(random, loss, inputs, classes, samples))


def _random_data(random: np.random.Generator, loss: str, inputs: int, classes: int, samples: int) -> Dataset:
    x = random.normal(0, 10 ** random.uniform(-2, 1), (samples + 10, inputs))
    x[:, random.random(inputs) < 0.1] = 0.0  # Columns without a value, as pixels at the border are.
    entropy = loss.endswith("cross_entropy")
    y = random.integers(0, classes, len(x)) if entropy else random.normal(0, 1, len(x))
    task = {"softmax_cross_entropy": "multiclass", "binary_cross_entropy": "binary"}.get(loss, "regression")
    names = tuple(str(k) for k in range(classes)) if entropy else ()
    return Dataset(
        "random",
        task,
        x[:samples],
        y[:samples],
        x[samples:],
        y[samples:],
        names,
        tuple(f"x{i}" for i in range(inputs)),
        "the last ten are for the test",
        "none",
        "none",
        "drawn",
    )


def reorder(t: Any, random: np.random.Generator) -> None:
    """Compute the same with samples, inputs and hidden units in another order, so that every sum rounds differently."""

    class Reordered(t.MLP):
        def __init__(self, config, params=None):
            inputs, *hidden, outputs = config.layer_sizes
            self.orders = [random.permutation(n) for n in (inputs, *hidden)] + [np.arange(outputs)]
            super().__init__(config, params)

        def there(self, layers):
            """W (in, out), and whatever has one entry for each unit (out,), in this model's order."""
            return [
                tuple(a[rows][:, columns] if a.ndim == 2 else a[columns] for a in layer)
                for layer, rows, columns in zip(layers, self.orders, self.orders[1:], strict=False)
            ]

        def back(self, layers):
            kept = self.orders
            self.orders = [np.argsort(order) for order in kept]
            layers, self.orders = self.there(layers), kept
            return layers

        def _forward(self, x, training=False, masks=None):
            return super()._forward(x[:, self.orders[0]], training, masks)

        def _backpropagate(self, x, y, masks):
            rows = random.permutation(len(x))
            if masks is not None:
                masks = [mask[rows][:, order] for mask, order in zip(masks, self.orders[1:], strict=False)]
            return super()._backpropagate(x[rows], y[rows], masks)

        def set_params(self, params):
            super().set_params(self.there(params))

        @property
        def params(self):
            return self.back(super().params)

        def gradients(self, x, y, masks=None):
            loss, gradients = super().gradients(x, y, masks)
            return loss, self.back(gradients)

        @property
        def state(self):
            return {name: v if name == "step" else self.back(v) for name, v in super().state.items()}

        def set_state(self, state):
            super().set_state({name: v if name == "step" else self.there(v) for name, v in state.items()})

    t.MLP = Reordered
