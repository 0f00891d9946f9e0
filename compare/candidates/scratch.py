"""An object of one's own in NumPy that trains itself: its weights found, its methods called as their names say.

Whatever it is called, a forward pass takes x and a step takes x and y. Learning rates, epochs and batch sizes are
recognised by the names of arguments and attributes.
"""

from __future__ import annotations

import copy
import inspect
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from compare.candidates import arrays, infer
from compare.candidates.base import COLUMN, FLAT, PROBE, Candidate, check_parts, nothing
from compare.candidates.load import CandidateError
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

ONE_HOT = "(B, classes)"
FORWARD = ("forward", "feedforward", "feed_forward", "forward_pass", "forward_propagation", "forward_prop",
           "forward_propagate", "predict_proba", "_forward", "__call__", "predict")  # fmt: skip
STEP = ("train_step", "train_on_batch", "train_batch", "update_mini_batch", "partial_fit", "step", "fit", "train",
        "learn", "optimize")  # fmt: skip
BACKWARD = ("backward", "backprop", "back_propagation", "backward_propagation", "backpropagation", "backpropagate")
UPDATE = ("update", "update_params", "update_parameters", "update_weights", "step", "optimize")
# What an argument or an attribute means, by its name.
MEANINGS = {
    "x": r"x|x_?(train|batch)?|inputs?|data|features|training_(data|inputs)|a0?",
    "y": r"y|y_?(train|batch|true)|targets?|labels?|expected|t|training_outputs|outputs_true",
    "out": r"o|out|outputs?|y_?(pred|hat)|a2|a3|al|predictions?|probs?|scores?",
    "once": r"(n_?|num_?|max_?)?(epochs?|iter(ation)?s?|steps|n_iter)",
    "rate": r"lr|learning_?rate|eta0?|alpha|step_?size|rate",
    "size": r"(mini_?)?batch_?size|bs",
    "quiet": r"verbose|print_(cost|loss)|show|debug|shuffle|plot",
    "pairs": r"mini_?batch",
}
LOSSES = ("loss", "losses", "loss_history", "losses_", "cost", "costs", "cost_history", "history", "loss_curve_",
          "errors", "loss_", "error")  # fmt: skip
ENDS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda z: z,
    "sigmoid": lambda z: (np.tanh(z / 2) + 1) / 2,
    "softmax": lambda z: (
        np.exp(z - z.max(axis=1, keepdims=True)) / np.exp(z - z.max(axis=1, keepdims=True)).sum(axis=1, keepdims=True)
    ),
}
RATE = 0.1  # where the step asks for one


def meaning(name: str) -> str:
    """What an argument of this name is; "" if that cannot be told."""
    return next((key for key, form in MEANINGS.items() if re.fullmatch(form, name.strip("_").lower())), "")


def method(model: Any, names: tuple[str, ...]) -> str:
    """The first of these names that the object has as a method; "" if none."""
    return next((name for name in names if callable(getattr(model, name, None))), "")


def can_train(model: Any) -> bool:
    """Whether an object has methods that can be taken for a forward pass and a step."""
    trains = method(model, STEP) or method(model, BACKWARD)
    return bool(method(model, FORWARD) and trains) and not isinstance(model, type)


class ScratchCandidate(Candidate):
    """`parts`: the object as "model", or with "step", a function of the model, x and y, and "config", "predict"."""

    title = "an object in NumPy"

    def __init__(self, parts: dict[str, Any], dtype: str):
        check_parts(parts, ("step", "config", "predict", "loss", "optimizer"), ("model",))
        self.model, self.own_step, self.given = parts["model"], parts.get("step"), parts.get("config")
        self.own_predict, self.dtype = parts.get("predict"), dtype
        self.layers, self.columns = arrays.find(self.model)
        self.own = self.params
        self.said: list[str] = []
        self.silent_loss = False
        self.way = method(self.model, FORWARD)
        if not self.way:
            raise CandidateError(f"the object has no forward pass: expected a method {', '.join(FORWARD[:4])} ...")
        self._set_once()
        if self.columns and not self._runs():
            self.columns = False  # Columns are how it computes, not how it is given its samples.

    def _runs(self) -> bool:
        """Whether its forward pass takes what it is given, of as many samples as no layer has units."""
        samples = max(self.sizes) + 1
        try:
            self._call_forward(np.zeros((samples, self.sizes[0])))
        except Exception:  # Whatever the user's code makes of another shape.
            return False
        return True

    def _set_once(self) -> None:
        """One pass over the batch at each call, where attributes say how many."""
        for name, value in vars(self.model).items() if hasattr(self.model, "__dict__") else []:
            kind = meaning(name)
            if kind == "once" and isinstance(value, int) and not isinstance(value, bool):
                setattr(self.model, name, 1)
            elif kind == "quiet" and isinstance(value, bool):
                setattr(self.model, name, False)

    @property
    def notes(self) -> list[str]:
        return self.said

    @property
    def takes_state(self) -> bool:
        return not mlp_numpy.SLOTS[self.config.optimizer]

    @property
    def blind(self) -> frozenset[str]:
        return frozenset({"gradient", *(slot.replace("_", " ") for slot in mlp_numpy.SLOTS[self.config.optimizer])})

    @property
    def sizes(self) -> tuple[int, ...]:
        return (self.layers[0][0].shape[0], *(w.shape[1] for w, _ in self.layers))

    @property
    def initial(self) -> Layers:
        return self.own

    # What it is -------------------------------------------------------------------------------------------------------

    def describe(self) -> dict[str, Any]:
        random = np.random.default_rng(0)
        # Zeros or tiny weights of its own would show nothing.
        self.set_params([(random.normal(size=w.shape), random.normal(size=b.shape)) for w, b in self.layers])
        x = random.normal(size=(PROBE, self.sizes[0]))
        found, activations, end = self._nearest(x)
        if found > 1e-6:
            self.said.append(
                f"{self.way} gives what no activation of the reference's gives on these weights; the nearest is "
                f"{', '.join(dict.fromkeys(activations))} with {end} at the end, off by {found:.0%}"
            )
        fields: dict[str, Any] = {"layer_sizes": self.sizes, "optimizer": "sgd", "learning_rate": self._rate()}
        if len(self.layers) > 1:
            fields["activation"] = infer.alike(activations)
        fields = infer.merged(fields, self.given)
        if "loss" not in fields:
            fields["loss"] = self._loss(x, end, fields)
        return fields

    def _nearest(self, x: np.ndarray) -> tuple[float, tuple[str, ...], str]:
        """By which share the pass misses the nearest activations and end of the reference's, and these."""
        out, best = self._call_forward(x), (np.inf, tuple[str, ...](), "")
        for names in infer.possible_activations(len(self.layers) - 1):
            z = self._own_outputs(x, names)
            for end, a in [(end, last(z)) for end, last in ENDS.items()] + [("softmax", ENDS["softmax"](z.T).T)]:
                best = min(best, (float(np.abs(a - out).max() / max(np.abs(out).max(), 1e-12)), names, end))
            if best[0] <= 1e-6:
                break
        return best

    def _own_outputs(self, x: np.ndarray, activations: Sequence[str]) -> np.ndarray:
        a, params = x, self.params
        for name, (W, b) in zip(activations, params[:-1], strict=True):
            a = mlp_numpy.ACTIVATIONS[name][0](a @ W + b)
        return a @ params[-1][0] + params[-1][1]

    def _loss(self, x: np.ndarray, end: str, fields: dict[str, Any]) -> str:
        """The loss whose gradient the object's own step follows most nearly, be it uphill."""
        softmax, binary = "softmax_cross_entropy", "binary_cross_entropy"
        linear = ["mse", softmax, "huber", "mae"]
        names = {"softmax": [softmax], "sigmoid": [binary, "sigmoid_mse"], "linear": linear}[end]
        names = [name for name in names if name != softmax or self.sizes[-1] > 1]
        if len(names) == 1:
            return names[0]
        random, scores = np.random.default_rng(1), {}
        before, kept = self.params, self.model
        for name in names:
            classes = name == softmax
            shape = len(x) if classes or self.sizes[-1] == 1 else (len(x), self.sizes[-1])
            y = random.integers(self.sizes[-1] if classes else 2, size=shape)
            config = Config(**fields | {"loss": name}, dtype="float64")
            reference = mlp_numpy.MLP(config, before).gradients(x, y)[1]
            best = -1.0
            for form in self._forms(config):
                self.model = copy.deepcopy(kept)
                self.layers = arrays.moved(self.layers, self.model)
                self.form, self.config = form, config
                try:
                    self._call_step(x, self.targets(y.astype(float)))
                except Exception:
                    continue
                pairs = [(g, a - b) for G, A, B in zip(reference, before, self.params, strict=True)
                         for g, a, b in zip(G, A, B, strict=True)]  # fmt: skip
                one, other = (np.concatenate([p[k].ravel() for p in pairs]) for k in (0, 1))
                size = float(np.linalg.norm(one) * np.linalg.norm(other))
                best = max(best, abs(float(one @ other)) / size if np.isfinite(size) and size else -1.0)
            scores[name] = best
        self.model = kept
        self.layers = arrays.moved(self.layers, kept)
        return max(names, key=lambda name: scores[name])

    def _rate(self) -> float:
        """The learning rate that the object keeps, or that its step has by default."""
        if isinstance(self.given, dict) and "learning_rate" in self.given:
            return float(self.given["learning_rate"])
        for name, value in vars(self.model).items() if hasattr(self.model, "__dict__") else []:
            if meaning(name) == "rate" and isinstance(value, float | int):
                return float(value)
        for name in (method(self.model, STEP), method(self.model, BACKWARD), method(self.model, UPDATE)):
            parameters = inspect.signature(getattr(self.model, name)).parameters.values() if name else ()
            for p in parameters:
                if meaning(p.name) == "rate" and p.default is not p.empty and p.default is not None:
                    return float(p.default)
        return RATE

    # The implementation's members ------------------------------------------------------------------------------------

    def begin(self, config: Config) -> None:
        super().begin(config)
        if self.sizes != config.layer_sizes:
            raise CandidateError(f"the object has the layers {self.sizes}, the scenario {config.layer_sizes}")

    @property
    def forms(self) -> tuple[str, ...]:
        return self._forms(self.config)

    def _forms(self, config: Config) -> tuple[str, ...]:
        if config.loss == "softmax_cross_entropy":
            return FLAT, ONE_HOT, COLUMN
        return (COLUMN, FLAT) if config.layer_sizes[-1] == 1 else (FLAT,)

    def targets(self, y: np.ndarray) -> np.ndarray:
        if self.form == ONE_HOT:
            return np.eye(self.sizes[-1])[y.astype(int)]
        return super().targets(y)

    def forward(self, x: np.ndarray) -> np.ndarray:
        """The linear outputs: its own, or what its sigmoid or softmax came from."""
        out, z = self._call_forward(x), self._own_outputs(x, self.config.by_layer("activation"))
        ends = {"softmax_cross_entropy": "softmax", "mse": "linear", "mae": "linear", "huber": "linear"}
        end = ends.get(self.config.loss, "sigmoid")
        likely = [ENDS["linear"](z), ENDS[end](z), *([ENDS["softmax"](z.T).T] if end == "softmax" else [])]
        if any(np.abs(values - out).max() <= 1e-9 * max(1.0, float(np.abs(out).max())) for values in likely):
            return z  # The last one sums to 1 over the samples, which is not what a softmax is for.
        if end == "linear" or not ((out >= 0).all() and (out <= 1).all()):
            return out
        with np.errstate(divide="ignore"):
            if end == "sigmoid":
                return np.log(out) - np.log1p(-out)
            logs = np.log(np.maximum(out, 1e-300))
            return logs + (z - logs).mean(axis=1, keepdims=True)  # A softmax does not tell the common part.

    def _call_forward(self, x: np.ndarray) -> np.ndarray:
        result = getattr(self.model, self.way)(self._turned(x))
        shape = (len(x), self.sizes[-1])
        parts = list(result.values()) if isinstance(result, dict) else result
        options = [result] if isinstance(result, np.ndarray) else list(parts) if isinstance(parts, list | tuple) else []
        flat = [part for option in options for part in (option if isinstance(option, list | tuple) else [option])]
        for part in [p for p in reversed(flat) if isinstance(p, np.ndarray) and p.dtype.kind == "f"]:
            if part.shape == shape or (part.ndim == 1 and part.size == len(x) * shape[1]):
                return part.reshape(shape)
            if part.shape == shape[::-1]:
                return part.T
        found = type(result).__name__ if not isinstance(result, np.ndarray) else f"an array of shape {result.shape}"
        raise CandidateError(f"{self.way} gives {found} for x of shape {x.shape}: expected numbers of shape {shape}")

    def _turned(self, a: np.ndarray) -> np.ndarray:
        """Samples as columns, where the object has them so."""
        return np.ascontiguousarray(np.atleast_2d(a).T if a.ndim == 2 else a[None, :]) if self.columns else a

    def predict(self, x: np.ndarray) -> np.ndarray:
        if self.own_predict is None:
            return super().predict(x)
        return self.decided(self.own_predict(self.model, x), len(x))

    def observed_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """One update by the object's own step; its gradients are not seen."""
        x = np.array(x, self.dtype)
        before = self.forward(x)
        kept = self._lengths()
        loss = self._call_step(x, self.targets(y))
        if loss is None:
            loss = self._kept_loss(kept)
        if loss is None:
            if not self.silent_loss:
                self.said.append("it tells no loss: the reference's loss of its outputs is taken")
            self.silent_loss = True
            loss = float(mlp_numpy._batch_loss(self.config, before, _numbers(self.config, x, y))[0])
        self.steps += 1
        return loss, nothing(mlp_numpy.param_shapes(self.config))

    def _call_step(self, x: np.ndarray, y: np.ndarray) -> float | None:
        """The object's own step, or its backward pass and its update; the loss, if it gives that back."""
        x, y = self._turned(x), self._turned(y)
        if self.own_step is not None:
            return _as_loss(self.own_step(self.model, x, y))
        name = method(self.model, STEP)
        if name:
            return _as_loss(self._called(name, {"x": x, "y": y}))
        out = self._raw_forward(x)
        before = self.params
        result = self._called(method(self.model, BACKWARD), {"x": x, "y": y, "out": out})
        update = method(self.model, UPDATE)
        if update and all(np.array_equal(a, b) for A, B in zip(before, self.params, strict=True)
                          for a, b in zip(A, B, strict=True)):  # fmt: skip
            self._called(update, {"x": x, "y": y, "out": out, "": result})
        return None

    def _raw_forward(self, x: np.ndarray) -> Any:
        result = getattr(self.model, self.way)(x)
        return result[0] if isinstance(result, tuple) else result

    def _called(self, name: str, values: dict[str, Any]) -> Any:
        """Call a method with what the names of its arguments ask for."""
        function, positional, named = getattr(self.model, name), [], {}
        samples = values["x"].shape[1 if self.columns else 0]
        pairs = list(zip(*(a.T[:, :, None] if self.columns else a for a in (values["x"], values["y"])), strict=True))
        values = values | {"once": 1, "rate": self.config.learning_rate, "size": samples, "quiet": False}
        values |= {"pairs": pairs}
        order = ["x", "y"]
        for number, p in enumerate(inspect.signature(function).parameters.values()):
            if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
                continue
            kind = meaning(p.name)
            if not kind and p.default is p.empty and number < 2 and name in STEP:
                kind = order[number]
            if kind not in values and p.default is p.empty:
                if "" not in values:
                    raise CandidateError(f'{name} asks for {p.name!r}, which has no known meaning: give a "step"')
                kind = ""
            if kind in values and (kind or p.default is p.empty):
                if p.kind is p.KEYWORD_ONLY:
                    named[p.name] = values[kind]
                elif p.default is p.empty:
                    positional.append(values[kind])
                else:
                    named[p.name] = values[kind]
        return function(*positional, **named)

    def _lengths(self) -> dict[str, int]:
        return {name: len(value) for name in LOSSES if isinstance(value := getattr(self.model, name, None), list)}

    def _kept_loss(self, before: dict[str, int]) -> float | None:
        """The loss that the object noted during the step."""
        for name in LOSSES:
            value = getattr(self.model, name, None)
            if isinstance(value, list) and len(value) > before.get(name, 0):
                return _as_loss(value[-1])
            if isinstance(value, float | np.floating):
                return float(value)
        return None

    @property
    def params(self) -> Layers:
        return [(w.get(), b.get()) for w, b in self.layers]

    def set_params(self, params: Layers) -> None:
        for places, arrays_given in zip(self.layers, params, strict=True):
            for place, array in zip(places, arrays_given, strict=True):
                place.put(array)
        for number, (own, given, places) in enumerate(zip(self.params, params, self.layers, strict=True), 1):
            for part, a, b, place in zip("Wb", own, given, places, strict=True):
                if place.path is not None and np.abs(a - b).max(initial=0.0) > 1e-6:
                    raise CandidateError(f"layer {number} {part} is another when it is read back after it was set")

    @property
    def state(self) -> dict[str, Any]:
        shapes = mlp_numpy.state_shapes(self.config)
        return {"step": self.steps} | {name: nothing(shapes[name]) for name in shapes}

    def set_state(self, state: dict[str, Any]) -> None:
        """There is none that is known."""


def _numbers(config: Config, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The targets as the reference has them."""
    numbers = mlp_numpy.check_data(config, x, y)[1]
    assert numbers is not None
    return numbers


def _as_loss(value: Any) -> float | None:
    """A loss from what a step gives back: a number, or the last of a list, or the first of a pair."""
    if isinstance(value, dict):
        value = value.get("loss")
    if isinstance(value, tuple) and value:
        value = value[0]
    if isinstance(value, list) and value:
        value = value[-1]
    if isinstance(value, float | int | np.floating) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, np.ndarray) and value.size == 1 and value.dtype.kind == "f":
        return float(value.item())
    return None
