"""A PyTorch module with its loss and its optimizer, trained by the user's own step or the usual one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compare.candidates import infer
from compare.candidates.base import PROBE, ModelCandidate, check_all_found, check_chain, check_parts, nothing
from compare.candidates.load import CandidateError
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

# The reference's optimizer for each of PyTorch's, and where that keeps the reference's slots. AdamW is an Adam too.
OPTIMIZERS: list[tuple[type[torch.optim.Optimizer], str, dict[str, str]]] = [
    (torch.optim.AdamW, "adamw", {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}),
    (torch.optim.Adam, "adam", {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}),
    (torch.optim.RMSprop, "rmsprop", {"second_moment": "square_avg"}),
    (torch.optim.Adagrad, "adagrad", {"square_sum": "sum"}),
    (torch.optim.SGD, "sgd", {"velocity": "momentum_buffer"}),
]
OPTIONAL = ("step", "layers", "config")


def usual_step(model: nn.Module, loss: Callable, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """The training step of a user who gave none."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


@dataclass(frozen=True)
class Dense:
    """A dense layer, and the batch normalisation behind it."""

    name: str
    linear: nn.Linear
    norm: nn.BatchNorm1d | None = None

    @property
    def parameters(self) -> tuple[nn.Parameter | None, ...]:
        """W, b and, normalised, g; None for one that there is not. A norm shifts in the bias's place."""
        if self.norm is None:
            return self.linear.weight, self.linear.bias  # type: ignore[return-value]
        return self.linear.weight, self.norm.bias, self.norm.weight  # type: ignore[return-value]


class TorchCandidate(ModelCandidate):
    """`parts` as the user's function returns them; CandidateError where they are none that the reference can follow."""

    framework = "torch"
    title = "a PyTorch model"
    optimizers = OPTIMIZERS

    def __init__(self, parts: dict[str, Any], dtype: str):
        check_parts(parts, OPTIONAL, ("model", "loss", "optimizer"))
        self.model, self.optimizer = parts["model"], parts["optimizer"]
        for key, kind in (("model", nn.Module), ("optimizer", torch.optim.Optimizer)):
            if not isinstance(parts[key], kind):
                found = type(parts[key]).__name__
                raise CandidateError(f'"{key}" is of the type {found}: expected a {kind.__module__}.{kind.__name__}')
        for key in ("loss", "step"):
            if parts.get(key) is not None and not callable(parts[key]):
                raise CandidateError(f'"{key}" is of the type {type(parts[key]).__name__}: expected a function')
        self.dtype = getattr(torch, dtype)
        self.model.to(self.dtype)
        self.given_loss, self.last_loss = parts["loss"], float("nan")
        self.loss = self._watched(parts["loss"])
        self.step = parts.get("step") or usual_step
        self.given = parts.get("config")
        self.rate, self._masks = 0.0, list[Tensor]()
        self.model.register_forward_pre_hook(lambda *_: self._refill())
        self.layers, self.seen = self._look(parts.get("layers"))
        self.gradient: dict[nn.Parameter, Tensor] = {}
        for p in self._parameters():
            if p.requires_grad:
                p.register_post_accumulate_grad_hook(self._keep_gradient)

    # Looking at the model -------------------------------------------------------------------------------------------

    def _look(self, named: Sequence[nn.Linear] | None) -> tuple[list[Dense], infer.Seen]:
        """The dense layers in the order in which a pass through the model calls them, and what that pass showed."""
        names = {module: name or type(module).__name__ for name, module in self.model.named_modules()}
        strangers = [layer for layer in named or () if not (isinstance(layer, nn.Linear) and layer in names)]
        if strangers:
            raise CandidateError(f'"layers" has {strangers[0]!r}: expected the nn.Linear layers of the model, in order')
        linears = list(named or [m for m in self.model.modules() if isinstance(m, nn.Linear)])
        if not linears:
            raise CandidateError("the model has no nn.Linear: the reference is made of dense layers alone")
        calls = self._calls(linears, linears[0].in_features)
        order = list(linears) if named else [m for m, _, _ in calls if isinstance(m, nn.Linear)]
        norms: dict[nn.Module, nn.BatchNorm1d] = {}
        before = None
        for module, _, _ in calls:
            if isinstance(module, nn.Linear):
                before = module
            elif before is not None:
                norms[before] = module  # type: ignore[assignment]
        layers = [Dense(names[m], m, norms.get(m)) for m in order]
        normed = [layer.name for layer in layers if layer.norm is not None]
        check_chain([(d.name, d.linear.in_features, d.linear.out_features) for d in layers], normed, named is not None)
        missing = next(
            (d.name for d in layers if d.norm is not None and not (d.norm.affine and d.norm.track_running_stats)), ""
        )
        if missing:
            raise CandidateError(
                f"the batch normalisation after {missing} has no scale and shift, or no running statistics"
            )
        inside = {m: (a, z) for m, a, z in calls}
        values = [tuple(t.numpy() for t in inside[m]) for m in order if m in inside]
        between = [(z, a) for (_, z), (a, _) in itertools.pairwise(values)]
        sizes = (order[0].in_features, *(m.out_features for m in order))
        rates, notes = self._dropouts(order[0].in_features)
        seen = infer.Seen(sizes, between, (values[-1][1], self.output), rates, bool(normed), notes)
        self._check_all_found(layers, names, seen)
        return layers, seen

    def _calls(self, linears: list[nn.Linear], inputs: int) -> list[tuple[nn.Module, Tensor, Tensor]]:
        """Each dense or normalising layer as it was called in evaluation, with its input and output."""
        calls: list[tuple[nn.Module, Tensor, Tensor]] = []
        watched = [*linears, *(m for m in self.model.modules() if isinstance(m, nn.BatchNorm1d))]
        hooks = [m.register_forward_hook(lambda m, a, z: calls.append((m, a[0].clone(), z.clone()))) for m in watched]
        try:
            with self._evaluation(), torch.no_grad():
                output = self.model(self._probe(inputs))
        except Exception as error:
            raise CandidateError(
                f"the model does not take x of shape ({PROBE}, {inputs}): {type(error).__name__}: {error}"
            ) from error
        finally:
            for hook in hooks:
                hook.remove()
        self.output = output.numpy() if isinstance(output, Tensor) else np.zeros(0)
        return calls

    def _probe(self, inputs: int) -> Tensor:
        return torch.as_tensor(np.random.default_rng(0).normal(size=(PROBE, inputs)), dtype=self.dtype)

    def _dropouts(self, inputs: int) -> tuple[list[float], list[str]]:
        """The rates at which a pass in training drops, and what is to be said of them."""
        x, notes = self._probe(inputs), []
        buffers = [b.clone() for b in self.model.buffers()]
        with torch.no_grad(), _dropout(self) as rates:
            with self._evaluation():
                self.model(x)
            if rates:
                notes.append(
                    "a dropout is on in evaluation too: model.eval() does not reach F.dropout with training=True"
                )
                rates.clear()
            if self.model.training:
                self.model(x)
        for buffer, kept in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(kept)
        if not self.model.training:
            notes.append(
                "the model is handed over in evaluation mode, and trains so unless the step calls model.train()"
            )
        return list(rates), notes

    def _check_all_found(self, layers: list[Dense], names: dict[nn.Module, str], seen: infer.Seen) -> None:
        """CandidateError for parameters that the reference has nothing for."""
        found = {p for layer in layers for p in layer.parameters}
        spare = {layer.linear.bias for layer in layers if layer.norm is not None} - {None}
        others = [name for name, p in self.model.named_parameters() if p not in found and p not in spare]
        missing = [layer.name for layer in layers if layer.linear.bias is None and layer.norm is None]
        check_all_found(seen, bool(spare), others, missing)

    def describe(self) -> dict[str, Any]:
        fields = infer.network(self.seen) | self._optimizer_fields()
        if not self.gives("loss"):
            fields["loss"] = infer.loss_name(infer.names_in(self.given_loss), self.seen, self._loss_value)
        smoothing, weight = (getattr(self.given_loss, name, None) for name in ("label_smoothing", "weight"))
        if smoothing:
            fields["label_smoothing"] = float(smoothing)
        if isinstance(weight, Tensor) and isinstance(self.given_loss, nn.CrossEntropyLoss | nn.NLLLoss):
            fields["class_weights"] = tuple(weight.double().tolist())
        return infer.merged(fields, self.given)

    def _loss_value(self, y: np.ndarray) -> float:
        """What the loss gives for the outputs of the first look and these targets; NaN if it does not take them."""
        try:
            return _number(self.given_loss(torch.as_tensor(self.seen.ends[1]), torch.as_tensor(y)), "loss")
        except Exception:
            return float("nan")

    def _optimizer_fields(self) -> dict[str, Any]:
        group = self.optimizer.param_groups[0]
        fields: dict[str, Any] = {"learning_rate": float(group["lr"])}
        if self.kind is None:
            self.check_optimizer()
            return fields
        fields["optimizer"] = self.kind
        if self.kind == "sgd" and group["momentum"]:
            fields |= {"optimizer": "nesterov" if group["nesterov"] else "momentum", "momentum": group["momentum"]}
        if "betas" in group:
            fields |= dict(zip(("beta1", "beta2"), map(float, group["betas"]), strict=True))
        if "alpha" in group:
            fields["beta2"] = float(group["alpha"])
        if group.get("weight_decay"):
            fields["weight_decay"] = float(group["weight_decay"])
        return fields

    # The implementation's members ------------------------------------------------------------------------------------

    def begin(self, config: Config) -> None:
        super().begin(config)
        self.rate = config.dropout

    @property
    def has_momentum(self) -> bool:
        return any(group.get("momentum") for group in self.optimizer.param_groups)

    def forward(self, x: np.ndarray) -> np.ndarray:
        found: list[Tensor] = []
        hook = self.layers[-1].linear.register_forward_hook(lambda m, a, z: found.append(z))
        with self._evaluation(), torch.no_grad():
            self.model(torch.tensor(x, dtype=self.dtype))
        hook.remove()
        return found[-1].numpy().reshape(len(x), -1)

    def observed_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """One update by the user's step: its loss, and the gradients as the update found them in .grad."""
        self.gradient, self.last_loss = {}, float("nan")
        self._given_masks = [torch.tensor(mask, dtype=self.dtype) for mask in masks or ()]
        xs, ys = torch.tensor(x, dtype=self.dtype), torch.tensor(self.targets(y))
        with _dropout(self):
            returned = self.step(self.model, self.loss, self.optimizer, xs, ys)
        self._given_masks = []
        loss = self.last_loss if returned is None else _number(returned, "step")
        self.clear_spare_biases()
        self.steps += 1
        self.shown_gradient = self.shown_gradient or bool(self.gradient)
        if not self.gradient:
            return loss, nothing(mlp_numpy.param_shapes(self.config))
        return loss, [
            tuple(_array(None if p is None else self.gradient.get(p), p, s) for p, s in layer)
            for layer in self._by_layer()
        ]

    def clear_spare_biases(self) -> None:
        for layer in self.layers:
            if layer.norm is not None and layer.linear.bias is not None:
                layer.linear.bias.data.zero_()

    def _by_layer(self) -> list[list[tuple[nn.Parameter | None, tuple[int, ...]]]]:
        """Every parameter with the shape of its array in the reference's layout."""
        shapes = mlp_numpy.param_shapes(self.config)
        return [list(zip(layer.parameters, of, strict=True)) for layer, of in zip(self.layers, shapes, strict=True)]

    def _parameters(self) -> list[nn.Parameter]:
        return [p for layer in self.layers for p in layer.parameters if p is not None]

    @property
    def params(self) -> Layers:
        return [tuple(_array(p, p, shape) for p, shape in layer) for layer in self._by_layer()]

    def set_params(self, params: Layers) -> None:
        with torch.no_grad():
            for layer, arrays in zip(self.layers, params, strict=True):
                for p, a in zip(layer.parameters, arrays, strict=True):
                    if p is not None:
                        p.copy_(_tensor(a))

    @property
    def state(self) -> dict[str, Any]:
        shapes = mlp_numpy.param_shapes(self.config)
        state: dict[str, Any] = {"step": self.steps}
        for slot in mlp_numpy.SLOTS[self.config.optimizer]:
            key = self.slots.get(slot)
            state[slot] = [tuple(_array(self._slot(p, key), p, s) for p, s in layer) for layer in self._by_layer()]
            if key is None:
                state[slot] = nothing(shapes)
        if self.config.batch_norm:
            state["running"] = [(_array(n.running_mean), _array(n.running_var)) for n in self._norms()]
        return state

    def _slot(self, p: nn.Parameter | None, key: str | None) -> Tensor | None:
        return self.optimizer.state.get(p, {}).get(key) if p is not None else None

    def set_state(self, state: dict[str, Any]) -> None:
        for norm, (mean, variance) in zip(self._norms(), state.get("running", []), strict=False):
            norm.running_mean.copy_(_tensor(mean))  # type: ignore[union-attr]
            norm.running_var.copy_(_tensor(variance))  # type: ignore[union-attr]
        if state["step"] == 0:
            return  # The optimizer is new, and starts as it starts.
        for trained in self._parameters():
            count = self.optimizer.state.get(trained, {}).get("step")
            if isinstance(count, Tensor):
                count.fill_(state["step"])
        for name in self.slots.keys() & state.keys():
            for layer, arrays in zip(self.layers, state[name], strict=True):
                for p, a in zip(layer.parameters, arrays, strict=True):
                    slot = self._slot(p, self.slots[name])
                    if slot is not None:  # It has none of a parameter that it does not train.
                        slot.copy_(_tensor(a))

    def _norms(self) -> list[nn.BatchNorm1d]:
        return [layer.norm for layer in self.layers if layer.norm is not None]

    # Watching the user's step ----------------------------------------------------------------------------------------

    def _watched(self, loss: Callable) -> Callable:
        """The loss function, which from now on remembers what it gave."""
        if isinstance(loss, nn.Module):
            loss.to(self.dtype)
            loss.register_forward_hook(lambda m, a, value: self._keep_loss(value))
            return loss

        def watched(*arguments: Any, **named: Any) -> Any:
            value = loss(*arguments, **named)
            self._keep_loss(value)
            return value

        return watched

    def _keep_loss(self, value: Any) -> None:
        self.last_loss = _number(value, "loss")

    def _keep_gradient(self, p: Tensor) -> None:
        self.gradient[p] = p.grad.detach().clone()  # type: ignore[index, union-attr]

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        """Evaluation mode for a while; every module gets back the mode that it had."""
        modes = [(m, m.training) for m in self.model.modules()]
        self.model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training

    _given_masks: Sequence[Tensor] = ()

    def _refill(self) -> None:
        """Every pass through the model takes the step's masks from the first on."""
        self._masks = list(self._given_masks)


@contextmanager
def _dropout(candidate: TorchCandidate) -> Iterator[list[float]]:
    """Let dropouts, modules and functions alike, take the candidate's masks; the rates of those that are on."""
    original, rates = F.dropout, list[float]()

    def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if training and p:
            rates.append(float(p))
            masks = candidate._masks
            if masks and p == candidate.rate and masks[0].shape == input.shape:
                return input * masks.pop(0)
        return original(input, p, training, inplace)

    F.dropout = dropout
    try:
        yield rates
    finally:
        F.dropout = original


def _number(value: Any, of: str) -> float:
    """A loss as a float; CandidateError if it is none."""
    if isinstance(value, Tensor) and value.numel() == 1:
        return float(value.detach())
    if isinstance(value, int | float | np.number):
        return float(value)
    found = f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"type {type(value).__name__}"
    raise CandidateError(f"the {of} gives a value of {found}: expected one number")


def _tensor(a: np.ndarray) -> Tensor:
    """PyTorch keeps W as (out, in), the transpose of the reference's."""
    return torch.as_tensor(np.array(a).T)


def _array(values: Tensor | None, p: Tensor | None = None, shape: tuple[int, ...] = ()) -> np.ndarray:
    """In the reference's layout; zeros where there is nothing."""
    if values is None:
        return np.zeros(shape)
    return values.detach().cpu().numpy().T.copy()
