"""scikit-learn's MLPClassifier and MLPRegressor: each partial_fit of a batch is one update."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from compare.candidates import infer
from compare.candidates.base import Candidate, check_parts, nothing
from compare.candidates.load import CandidateError
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

ACTIVATIONS = {"relu": "relu", "tanh": "tanh", "logistic": "sigmoid"}
SLOTS = {"velocity": "velocities", "first_moment": "ms", "second_moment": "vs"}  # where it keeps the reference's
# Inputs and outputs of the data that the reference is trained on, where the estimator has seen none.
USUAL = {"classifier": (4, 3), "regressor": (10, 1)}


class SklearnCandidate(Candidate):
    """The estimator as it is set up; a fitted one gives its sizes, otherwise they are iris' and the diabetes data's."""

    title = "a scikit-learn model"

    def __init__(self, parts: dict[str, Any], dtype: str):
        check_parts(parts, ("config", "predict"), ("model",))
        self.model, self.given, self.dtype = parts["model"], parts.get("config"), dtype
        self.classifies = hasattr(self.model, "predict_proba") or type(self.model).__name__.endswith("Classifier")
        solver, activation = self.model.solver, self.model.activation
        if solver == "lbfgs":
            raise CandidateError("the solver lbfgs makes no steps of mini-batches: expected sgd or adam")
        if activation not in ACTIVATIONS:
            raise CandidateError(
                f"the activation {activation} is none of the reference's: there are relu, tanh, logistic"
            )
        self.said: list[str] = []
        self.gradient: Layers = []

    @property
    def notes(self) -> list[str]:
        return self.said

    def describe(self) -> dict[str, Any]:
        m = self.model
        given = self.given.get("layer_sizes") if isinstance(self.given, dict) else None
        hidden = m.hidden_layer_sizes
        hidden = (int(hidden),) if np.ndim(hidden) == 0 else tuple(map(int, hidden))
        inputs, outputs = USUAL["classifier" if self.classifies else "regressor"]
        if hasattr(m, "coefs_"):
            inputs, outputs = m.coefs_[0].shape[0], m.coefs_[-1].shape[1]
        elif not given:
            self.said.append(f"the estimator has seen no data: it is given {inputs} inputs and {outputs} outputs")
        sizes = tuple(given) if given else (int(inputs), *hidden, int(outputs))
        loss = "mse" if not self.classifies else "binary_cross_entropy" if sizes[-1] == 1 else "softmax_cross_entropy"
        fields: dict[str, Any] = {
            "layer_sizes": sizes, "activation": ACTIVATIONS[m.activation], "loss": loss,
            "learning_rate": float(m.learning_rate_init), "optimizer": "adam",
        }  # fmt: skip
        if m.solver == "adam":
            fields |= {"beta1": float(m.beta_1), "beta2": float(m.beta_2), "epsilon": float(m.epsilon)}
        elif m.momentum:
            kind = "nesterov" if m.nesterovs_momentum else "momentum"
            fields |= {"optimizer": kind, "momentum": float(m.momentum)}
        else:
            fields["optimizer"] = "sgd"
        if m.alpha:
            self.said.append(
                f"alpha {m.alpha:g} is divided by the samples of each batch, and a half of it times the sum of squares "
                "is in the loss: set alpha=0 to hold the rest"
            )
        return infer.merged(fields, self.given)

    def begin(self, config: Config) -> None:
        super().begin(config)
        from sklearn.base import clone

        self.model = clone(self.model).set_params(shuffle=False, batch_size=10**6, warm_start=False)
        x = np.zeros((max(2, config.layer_sizes[-1]), config.layer_sizes[0]), self.dtype)
        y: np.ndarray = np.zeros(len(x)) if config.layer_sizes[-1] == 1 else np.zeros((len(x), config.layer_sizes[-1]))
        self.classes = np.arange(max(2, config.layer_sizes[-1])) if self.classifies else None
        if self.classes is not None:
            y = np.arange(len(x)) % len(self.classes)
        self._fit(x, y)
        self.optimizer = self.model._optimizer
        self._reset()
        original = self.optimizer.update_params

        def update(params: list, grads: list) -> None:
            count = len(grads) // 2
            self.gradient = [(grads[i].copy(), grads[count + i].copy()) for i in range(count)]
            original(params, grads)

        self.optimizer.update_params = update

    def _fit(self, x: np.ndarray, y: np.ndarray) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Of a batch size above the number of samples, which is meant.
            self.model.partial_fit(x, y, **({} if self.classes is None else {"classes": self.classes}))

    def _reset(self) -> None:
        """The optimizer as it is before the first step: the first partial_fit made one."""
        for name in ("velocities", "ms", "vs"):
            for slot in getattr(self.optimizer, name, []):
                slot[...] = 0
        if hasattr(self.optimizer, "t"):
            self.optimizer.t = 0
        self.model.t_ = 0

    def forward(self, x: np.ndarray) -> np.ndarray:
        a = np.asarray(x, self.dtype)
        function = mlp_numpy.ACTIVATIONS[str(self.config.activation)][0]
        for number, (W, b) in enumerate(self.params):
            z = a @ W + b
            a = function(z) if number + 1 < len(self.model.coefs_) else z
        return a

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(np.asarray(x, self.dtype))

    def observed_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """One partial_fit: its loss, and the gradients that its optimizer was given."""
        self._fit(np.asarray(x, self.dtype), y)
        self.steps += 1
        return float(self.model.loss_), self.gradient

    @property
    def params(self) -> Layers:
        return [(W.copy(), b.copy()) for W, b in zip(self.model.coefs_, self.model.intercepts_, strict=True)]

    def set_params(self, params: Layers) -> None:
        for own, arrays in (
            (self.model.coefs_, [W for W, _ in params]),
            (self.model.intercepts_, [b for _, b in params]),
        ):
            for place, array in zip(own, arrays, strict=True):
                place[...] = array

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"step": self.steps}
        for name in mlp_numpy.SLOTS[self.config.optimizer]:
            flat = getattr(self.optimizer, SLOTS[name], None)
            if flat is None:
                state[name] = nothing(mlp_numpy.param_shapes(self.config))
                continue
            count = len(flat) // 2
            sign = -1 / self.config.learning_rate if name == "velocity" else 1  # It keeps -lr * b.
            state[name] = [(sign * flat[i], sign * flat[count + i]) for i in range(count)]
        return state

    def set_state(self, state: dict[str, Any]) -> None:
        if hasattr(self.optimizer, "t"):
            self.optimizer.t = state["step"]
        for name, key in SLOTS.items():
            flat = getattr(self.optimizer, key, None)
            if name not in state or flat is None:
                continue
            sign = -self.config.learning_rate if name == "velocity" else 1
            for i, (W, b) in enumerate(state[name]):
                flat[i][...], flat[len(flat) // 2 + i][...] = sign * W, sign * b
