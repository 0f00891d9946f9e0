"""What each call must give, from the reference's `train_step` and `forward` alone, and how far rounding may be."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from compare.ledger.calls.cases import BATCH, EPOCHS, PATIENCE, SAMPLES, Case, draws
from compare.ledger.contract import Layers
from compare.ledger.parity import GATE
from compare.ledger.rounding import UNIT, step_errors
from impls import mlp_numpy

Values = dict[str, Any]  # numbers by what they are

HISTORY = "history "
FAST_EPOCHS = 3
SIZE = 1e-9  # of the change of the copies' weights, as a share of the largest
MOST_DRAWS = 30  # of validation data, until training stops early with the best epoch in its middle


def described(params: Layers, state: dict[str, Any]) -> Values:
    """Every tensor of parameters and state by its name, and the step count."""
    found: Values = {"step count": state["step"]}
    for name, layers in {"weights": params, **{k: v for k, v in state.items() if k != "step"}}.items():
        parts = ("mean", "variance") if name == "running" else ("W", "b", "g")
        for number, layer in enumerate(layers, 1):
            found |= {
                f"{name.replace('_', ' ')} of layer {number} {part}": np.array(a)
                for part, a in zip(parts, layer, strict=False)
            }
    return found


def history_of(history: dict[str, list[float]]) -> Values:
    """What `fit` returns, as values."""
    return {f"{HISTORY}{name}": np.array(values) for name, values in history.items()}


def largest(params: Layers) -> float:
    """The largest |entry|."""
    return max(float(np.abs(a).max()) for layer in params for a in layer)


class Expected:
    """A case by the reference's `train_step` and `forward` alone, from a start that may be changed a little."""

    def __init__(self, case: Case, change: float = 0.0, bounds: bool = False):
        self.case, self.change, self.bounds, self.rounding = case, change, bounds, 0.0
        self._begin(case)

    def _begin(self, case: Case) -> None:
        params, state = case.start
        random, size = np.random.default_rng(case.seed), self.change * largest(params)
        changed = [tuple(a + size * random.uniform(-1, 1, a.shape) for a in layer) for layer in params]
        self.model = mlp_numpy.MLP(case.config, changed)
        self.model.set_state(state)

    def phases(self) -> Iterator[tuple[str, Values]]:
        """What each phase must find, in the order of `Observed.phases`."""
        model, case = self.model, self.case
        first, *others, last = case.batches
        yield "step", self._step(*first)
        yield "predict", {"predictions": mlp_numpy.decide(model.config, model.forward(case.few[0]))}
        for call, batch in zip(("loss", "evaluate"), others, strict=True):
            self._train(*batch)
            found = self._evaluate(*case.few)
            yield call, found if call == "evaluate" else {"loss": found["loss"]}
        yield "next step", self._step(*last)
        yield "fit", self._fit(case.order, case.masks if case.masked else None, EPOCHS, PATIENCE)
        self._begin(case.compiled)
        seed = case.config.seed
        yield "fast fit", self._fit(lambda e: mlp_numpy.batch_order(SAMPLES, seed, e), None, FAST_EPOCHS, None)

    def _train(self, x: np.ndarray, y: np.ndarray, masks: list | None) -> float:
        if self.bounds:
            before = self.model.params, self.model.state
            errors = step_errors(self.model.config, *before, (x, y), masks, UNIT["float64"])
            self.rounding += float(errors.params.max())
        return self.model.train_step(x, y, masks)

    def _step(self, x: np.ndarray, y: np.ndarray, masks: list | None) -> Values:
        return {"loss": self._train(x, y, masks), **described(self.model.params, self.model.state)}

    def _evaluate(self, x: np.ndarray, y: np.ndarray) -> Values:
        z = self.model.forward(x)
        _, targets = mlp_numpy.check_data(self.model.config, x, y)
        assert targets is not None  # They were given.
        found: Values = {"loss": mlp_numpy._batch_loss(self.model.config, z, targets)[0]}
        if self.case.config.loss.endswith("cross_entropy"):
            found["accuracy"] = float(np.mean(mlp_numpy.decide(self.model.config, z) == y))
        return found

    def _fit(self, order: Callable, masks: Callable | None, epochs: int, patience: int | None) -> Values:
        x, y = self.case.data
        model = self.model
        history: list[Values] = []
        best, kept = 0, (model.params, model.state)
        for epoch in range(epochs):
            total, samples = 0.0, order(epoch)
            for start in range(0, SAMPLES, BATCH):
                batch = samples[start : start + BATCH]
                given = masks(model.state["step"], len(batch)) if masks else None
                total += len(batch) * self._train(x[batch], y[batch], given)
            validation = {f"val_{name}": value for name, value in self._evaluate(*self.case.validation).items()}
            history.append({"loss": total / SAMPLES, **validation})
            if epoch == 0 or history[-1]["val_loss"] < history[best]["val_loss"]:
                best, kept = epoch, (model.params, model.state)
            if patience and epoch - best >= patience:
                break
        self.best, self.epochs = best, len(history)  # of the training that was last
        # Under patience the whole model of the best epoch: weights, statistics, slots and step count belong together.
        params, state = kept if patience else (model.params, model.state)
        found = {name: [record[name] for record in history] for name in history[0]}
        return history_of(found) | described(params, state)


@dataclass(frozen=True)
class Standard:
    """What each phase of a case must find, and how far from it rounding may be."""

    case: Case
    values: dict[str, Values]
    allowed: dict[str, Values]


def standard(row: dict[str, Any], number: int) -> Standard:
    """The standard of a row, with validation data under which training stops early, at best after its best epoch."""
    for case in draws(row, number):
        expected = Expected(case)
        values = dict(_until_fit(expected))
        if (0 < expected.best < expected.epochs - 1 and expected.epochs < EPOCHS) or case.draw == MOST_DRAWS:
            break
    measured = Expected(case, bounds=True)
    values, rounding = {}, {}
    for phase, found in measured.phases():
        values[phase], rounding[phase] = found, measured.rounding
    moved = dict(Expected(case, SIZE).phases()), dict(Expected(case, -SIZE).phases())
    size = SIZE * largest(case.start[0])
    allowed = {
        phase: {
            name: _allowed(value, [copy[phase][name] for copy in moved], 2 * rounding[phase] / size)
            for name, value in found.items()
        }
        for phase, found in values.items()
    }
    return Standard(case, values, allowed)


def _until_fit(expected: Expected) -> Iterator[tuple[str, Values]]:
    for phase, values in expected.phases():
        yield phase, values
        if phase == "fit":
            return


def _allowed(value: Any, moved: list[Any], amplified: float) -> float:
    value = np.asarray(value)
    if value.dtype.kind != "f":
        return 0.0
    change = max(float(np.abs(value - other).max()) for other in moved)
    return GATE["float64"] * float(np.abs(value).max()) + amplified * change
