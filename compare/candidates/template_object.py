"""An object with a template's members: an edited copy of one, or anything that speaks NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

from compare.candidates import infer, initial
from compare.candidates.base import Candidate, nothing
from compare.candidates.load import CandidateError
from compare.ledger.adapters import outputs
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

NEEDED = ("forward", "train_step", "params", "set_params")


def has_members(product: Any) -> bool:
    """Whether an object can be taken for a template's."""
    return all(hasattr(product, name) for name in NEEDED)


class TemplateCandidate(Candidate):
    """Without `gradients`, or without `state` and `set_state`, these are not compared."""

    def __init__(self, model: Any, dtype: str, given: dict[str, Any] | None = None):
        self.model, self.dtype, self.given = model, dtype, given
        self.framework = _framework(model)
        self.stateful = hasattr(model, "state") and hasattr(model, "set_state")
        self.said: list[str] = []
        self.read_back = False  # once, after the first parameters were set
        self.silent: set[str] = set()  # slots that its state lacks

    @property
    def notes(self) -> list[str]:
        return self.said

    def describe(self) -> dict[str, Any]:
        known = mlp_numpy.Config.__dataclass_fields__.keys() - {"dtype"}
        own = getattr(self.model, "config", None)
        own = own if isinstance(own, dict) else {name: getattr(own, name) for name in known if hasattr(own, name)}
        fields = infer.merged({name: own[name] for name in own.keys() & known}, self.given)
        fields.setdefault("layer_sizes", self._sizes())
        if "loss" not in fields:
            raise CandidateError(
                "the object has no `config` that names its loss, activation and optimizer: return "
                '{"model": the object, "config": {"loss": "mse", ...}}, or name a --scenario'
            )
        return fields

    def _sizes(self) -> tuple[int, ...]:
        layers = list(self.model.params)
        return (np.shape(layers[0][0])[0], *(np.shape(layer[0])[1] for layer in layers))

    def begin(self, config: Config) -> None:
        super().begin(config)
        found = [tuple(np.shape(a) for a in layer) for layer in self.model.params]
        expected = [tuple(layer) for layer in mlp_numpy.param_shapes(config)]
        if found != expected:
            raise CandidateError(f"`params` has the shapes {found}, the reference's are {expected}")

    @property
    def takes_state(self) -> bool:
        return self.stateful or not mlp_numpy.SLOTS[self.config.optimizer]

    @property
    def blind(self) -> frozenset[str]:
        hidden = {name.replace("_", " ") for name in self.silent}
        return frozenset(hidden if hasattr(self.model, "gradients") else hidden | {"gradient"})

    def forward(self, x: np.ndarray) -> np.ndarray:
        return outputs(self.model, x)

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(x) if hasattr(self.model, "predict") else super().predict(x)

    def gradients(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """NaN where the object has no such member."""
        if not hasattr(self.model, "gradients"):
            return float("nan"), nothing(mlp_numpy.param_shapes(self.config))
        return self.model.gradients(x, y, *([masks] if masks else []))

    def train_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> float:
        loss = self.model.train_step(x, y, *([masks] if masks else []))
        if np.ndim(loss):
            raise CandidateError(
                f"train_step returned an array of shape {np.shape(loss)}: expected the loss before the update"
            )
        self.steps += 1
        return float(loss)

    @property
    def params(self) -> Layers:
        return self.model.params

    def set_params(self, params: Layers) -> None:
        self.model.set_params([tuple(np.array(a) for a in layer) for layer in params])
        if self.read_back:
            return
        self.read_back = True
        wrong, _ = initial.miscopied(list(self.model.params), params)
        if wrong:
            self.said.append(f"set_params does not take all that it is given: {'; '.join(wrong)}")

    @property
    def state(self) -> dict[str, Any]:
        state = dict(self.model.state) if self.stateful else {}
        shapes = mlp_numpy.state_shapes(self.config)
        self.silent = {name for name in shapes if name not in state}
        return state | {name: nothing(shapes[name]) for name in self.silent}

    def set_state(self, state: dict[str, Any]) -> None:
        if self.stateful:
            own = [(name, value) for name, value in state.items() if name == "step" or name not in self.silent]
            copies = {n: v if n == "step" else [tuple(np.array(a) for a in layer) for layer in v] for n, v in own}
            self.model.set_state(copies)


def _framework(model: Any) -> str:
    """What a template's copy is written in."""
    for name in ("torch", "keras"):
        parts = (*type(model).__mro__, *type(getattr(model, "model", None)).__mro__)
        if any(part.__module__.split(".")[0] == name for part in parts):
            return name
    return "numpy"
