"""What each call gives: a case in a template, called as a user would."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from compare.ledger import adapters
from compare.ledger.calls.cases import BATCH, EPOCHS, PATIENCE, Case
from compare.ledger.calls.expected import FAST_EPOCHS, Values, described, history_of
from compare.ledger.contract import Layers
from impls import mlp_numpy


class Observed:
    """A case in a template, called as a user would."""

    def __init__(self, template: ModuleType, case: Case, folder: Path, dtype: str = "float64"):
        self.template, self.case, self.path = template, case, folder / "model.safetensors"
        self.config = template.Config(**case.options, dtype=dtype)
        self.at = "build"  # the phase that is under way

    def _phase(self, name: str, values: Callable[[], Values]) -> tuple[str, Values, None]:
        self.at = name
        return name, values(), None

    def phases(self) -> Iterator[tuple[str, Values, Values | None]]:
        """Each phase's name, what was found, and what must be found to the bit; None where the standard says it."""
        model, case = self.template.MLP(self.config), self.case
        first, second, third, last = case.batches
        x, y = case.few
        start = described(*in_dtype(*case.start, self.config.dtype))
        self.at = "set"
        _set(model, case)
        yield "set", described(model.params, model.state), start
        read = model.params, model.state
        yield self._phase("step", lambda: self._step(model, *first))
        yield "read", described(*read), start  # Copies: the step has not moved them.
        yield self._phase("predict", lambda: {"predictions": model.predict(x)})
        yield self._phase("loss", lambda: {"loss": (model.train_step(*second), model.loss(x, y))[1]})
        yield self._phase("evaluate", lambda: (model.train_step(*third), dict(model.evaluate(x, y)))[1])
        yield self._phase("next step", lambda: self._step(model, *last))
        self.at = "save"
        model.save(self.path)
        config, params, state = mlp_numpy.read_checkpoint(self.path)
        known = described(model.params, model.state) | {"config": _fields(self.config)}
        yield "save", described(params, state) | {"config": _fields(config)}, known
        self.at = "load"
        loaded = self.template.MLP.load(self.path)
        yield "load", described(loaded.params, loaded.state) | {"config": _fields(loaded.config)}, known
        masks = {"masks": case.masks} if case.masked else {}
        arguments = {"epochs": EPOCHS, "order": case.order, "patience": PATIENCE, **masks}
        yield self._phase("fit", lambda: self._fit(loaded, **arguments))
        if case.masked:
            loaded = self.template.MLP(self.template.Config(**case.compiled.options, dtype=self.config.dtype))
        _set(loaded, case.compiled)
        with adapters.uncompiled():
            yield self._phase("fast fit", lambda: self._fit(loaded, epochs=FAST_EPOCHS, fast=True))

    def _step(self, model: Any, x: np.ndarray, y: np.ndarray, masks: list | None) -> Values:
        return {"loss": model.train_step(x, y, masks), **described(model.params, model.state)}

    def _fit(self, model: Any, **arguments: Any) -> Values:
        history = model.fit(
            *self.case.data, batch_size=BATCH, validation_data=self.case.validation, verbose=False, **arguments
        )
        return history_of(history) | described(model.params, model.state)


def _set(model: Any, case: Case) -> None:
    params, state = in_dtype(*case.start, "float64")  # Copies, which a model may do with as it likes.
    model.set_params(params)
    model.set_state(state)


def _fields(config: Any) -> str:
    return json.dumps(asdict(config), sort_keys=True)


def in_dtype(params: Layers, state: dict[str, Any], dtype: str) -> tuple[Layers, dict[str, Any]]:
    """Parameters and state as a model of this precision holds them."""

    def rounded(layers: Layers) -> Layers:
        return [tuple(a.astype(dtype) for a in layer) for layer in layers]

    return rounded(params), {name: value if name == "step" else rounded(value) for name, value in state.items()}
