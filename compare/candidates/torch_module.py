"""A PyTorch model with its loss and its optimizer, trained by the user's own step or the usual one."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from compare.candidates import infer, torch_optimizer
from compare.candidates.base import PROBE, ModelCandidate, check_all_found, check_chain, check_parts, form_of, nothing
from compare.candidates.load import CandidateError
from compare.candidates.torch_look import Look, Place, Product, check_kind, check_products, input_sizes, layers_of
from compare.ledger.contract import Layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

OPTIONAL = ("optimizer", "step", "layers", "config", "predict", "y")


def usual_step(model: nn.Module, loss: Callable, optimizer: torch.optim.Optimizer, x: Tensor, y: Tensor) -> Tensor:
    """The training step of a user who gave none."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value


class TorchCandidate(ModelCandidate):
    """`parts` as the user's function returns them; CandidateError where they are none that the reference can follow.

    The model may be any function of x: its parameters are those of the optimizer then.
    """

    framework = "torch"
    title = "a PyTorch model"
    optimizers = torch_optimizer.OPTIMIZERS

    def __init__(self, parts: dict[str, Any], dtype: str):
        check_parts(parts, OPTIONAL, ("model", "loss") if parts.get("step") else ("model", "loss", "optimizer"))
        self.model, self.optimizer = unwrapped(parts["model"]), parts.get("optimizer")
        if self.optimizer is not None and not isinstance(self.optimizer, torch.optim.Optimizer):
            found = type(self.optimizer).__name__
            raise CandidateError(f'"optimizer" is of the type {found}: expected a torch.optim.Optimizer')
        for key in ("model", "loss", "step", "predict"):
            if parts.get(key) is not None and not callable(parts[key]):
                kind = "torch.nn.Module" if key == "model" else "function"
                raise CandidateError(f'"{key}" is of the type {type(parts[key]).__name__}: expected a {kind}')
        check_kind(self.model)
        self.dtype = getattr(torch, dtype)
        self.given, self.own_predict = parts.get("config"), parts.get("predict")
        self.given_form = form_of(parts.get("y"))
        if isinstance(self.model, nn.Module):
            self.model.to(self.dtype)
            self.model.register_forward_pre_hook(lambda _, arguments: self._called(arguments))
        self.named = self._named_parameters()
        self.given_loss, self.last_loss = parts["loss"], float("nan")
        self.broadcast = False  # whether the loss was given two shapes
        self.loss = self._watched(parts["loss"])
        self.step = parts.get("step") or usual_step
        self._masks = list[tuple[float, Tensor]]()
        self.always_dropped = self.watches = False
        self.trained_in = False  # whether the model was called in training mode, since this was set
        self.layers, self.seen = self._look(parts.get("layers"))
        self.gradient: dict[Tensor, Tensor] = {}
        for p in self._parameters():
            if p.requires_grad:
                p.register_post_accumulate_grad_hook(self._keep_gradient)

    def _named_parameters(self) -> dict[Tensor, str]:
        """Every parameter with the name of its layer, or its own."""
        named: dict[Tensor, str] = {}
        if isinstance(self.model, nn.Module):
            for name, p in self.model.named_parameters():
                named[p] = name.removesuffix(".weight").removesuffix(".bias") if "." in name else name
            if isinstance(self.model, nn.Linear):
                named = dict.fromkeys(named, "Linear")
        if self.optimizer is not None:
            for number, p in enumerate(p for group in self.optimizer.param_groups for p in group["params"]):
                named.setdefault(p, f"parameter {number + 1}")
        if not named:
            raise CandidateError("the model has no parameters: hand over an nn.Module, or an optimizer that has them")
        return named

    # Looking at the model -------------------------------------------------------------------------------------------

    def _look(self, named: Sequence[nn.Linear] | None) -> tuple[list[Product], infer.Seen]:
        """The dense layers in the order in which a pass through the model calls them, and what that pass showed."""
        modules = list(self.model.modules()) if isinstance(self.model, nn.Module) else []
        strangers = [layer for layer in named or () if not (isinstance(layer, nn.Linear) and layer in modules)]
        if strangers:
            raise CandidateError(f'"layers" has {strangers[0]!r}: expected the nn.Linear layers of the model, in order')
        look = self._first_pass(named)
        products = look.products
        if named:
            products = [p for layer in named for p in products if p.weight is layer.weight]
        if not products:
            raise CandidateError("the model calls no dense layer: the reference is made of those alone")
        check_products(look, self.named)
        normed = [self.named[p.weight] for p in products if p.norm is not None]
        check_chain([(self.named[p.weight], *p.size) for p in products], normed, named is not None)
        between = [(one.value, other.given) for one, other in itertools.pairwise(products)]
        if products[0].norm is not None:  # The values before an activation are the normalised ones.
            between = [(self._normalised(one), other.given) for one, other in itertools.pairwise(products)]
        arrays = [(z.numpy(), a.numpy()) for z, a in between]
        sizes = (products[0].size[0], *(p.size[1] for p in products))
        rates, notes = self._dropouts(products, look)
        ends = (products[-1].value.numpy(), self.output)
        called = [p.after for p in products[:-1]]
        seen = infer.Seen(sizes, arrays, ends, rates, bool(normed), notes, called)
        self._check_all_found(products, seen)
        return products, seen

    def _normalised(self, product: Product) -> Tensor:
        norm = product.norm
        assert norm
        return F.batch_norm(product.value, norm.mean, norm.variance, norm.scale, norm.shift, False, 0.0, 1e-5).detach()

    def _first_pass(self, named: Sequence[nn.Linear] | None) -> Look:
        """A pass in evaluation on random inputs, of as many as the model takes."""
        given = self.given.get("layer_sizes") if isinstance(self.given, dict) else None
        if named:
            given = given or (named[0].in_features,)
        wrong: Exception | None = None
        for inputs in input_sizes(self.model, [p for p in self.named if p.ndim == 2], given):
            try:
                return self._pass(self._probe(inputs))
            except Exception as error:
                wrong = wrong or CandidateError(
                    f"the model does not take x of shape ({PROBE}, {inputs}): {type(error).__name__}: "
                    + " ".join(str(error).split())[:200]
                )
        raise wrong or CandidateError("the model has no nn.Linear: the reference is made of dense layers alone")

    def _pass(self, x: Tensor) -> Look:
        """A pass in evaluation, watched."""
        with self._evaluation(), torch.no_grad(), Look(self.named) as look:
            output = self.model(x)
        self.output = output.numpy() if isinstance(output, Tensor) else np.zeros(0)
        return look

    def _probe(self, inputs: int) -> Tensor:
        return torch.as_tensor(np.random.default_rng(0).normal(size=(PROBE, inputs)), dtype=self.dtype)

    def _dropouts(self, products: Sequence[Product], look: Look) -> tuple[list[float], list[str]]:
        """The rate at which a pass in training drops each hidden layer's outputs, and what is to be said of them."""
        notes: list[str] = []
        if not isinstance(self.model, nn.Module):
            return [], notes
        self.always_dropped = look.always_dropped
        if look.always_dropped:
            notes.append("a dropout is on in evaluation too: model.eval() does not reach F.dropout with training=True")
        buffers = [b.clone() for b in self.model.buffers()]
        rates: list[float] = []
        if self.model.training:
            with torch.no_grad(), Look(self.named) as trained:
                self.model(self._probe(products[0].size[0]))
            behind = {p.weight: p.rates for p in trained.products}
            rates = infer.rates_of(trained.rates, [behind.get(p.weight, []) for p in products])
        else:
            notes.append(
                "the model is handed over in evaluation mode, and trains so unless the step calls model.train()"
            )
        for buffer, kept in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(kept)
        return rates, notes

    def _check_all_found(self, products: Sequence[Product], seen: infer.Seen) -> None:
        """CandidateError for parameters that the reference has nothing for."""
        found = {place.tensor for p in products for place in p.parameters}
        spare = {p.bias for p in products if p.norm is not None} - {None}
        others = [name for name, p in self._by_name() if p not in found and p not in spare]
        missing = [self.named[p.weight] for p in products if p.bias is None and p.norm is None]
        check_all_found(seen, bool(spare), others, missing)

    def _by_name(self) -> list[tuple[str, Tensor]]:
        return list(self.model.named_parameters()) if isinstance(self.model, nn.Module) else [
            (name, p) for p, name in self.named.items()
        ]  # fmt: skip

    def describe(self) -> dict[str, Any]:
        fields = infer.network(self.seen, self.gives("activation")) | self._optimizer_fields()
        if not self.gives("loss"):
            fields["loss"] = infer.loss_name(
                infer.names_in(self.given_loss), self.seen, self._loss_value, self.given_loss
            )
        infer.check_loss_options(self.given_loss)
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
        if self.optimizer is None:
            return {}
        self.check_optimizer()
        options = torch_optimizer.options(self.optimizer, self.kind)
        if options:
            self.seen.notes.append(f"the optimizer has {', '.join(options)}, which the reference's has not")
        return torch_optimizer.fields(self.optimizer, self.kind)

    @property
    def settings(self) -> dict[str, float]:
        found = torch_optimizer.settings(self.optimizer, self.kind)
        modules = self.model.modules() if isinstance(self.model, nn.Module) else ()
        norm = next((m for m in modules if isinstance(m, nn.BatchNorm1d)), None)
        if norm is not None and norm.momentum is not None:
            found |= {"norm_epsilon": float(norm.eps), "norm_momentum": float(norm.momentum)}
        return found

    @property
    def initial(self) -> Layers:
        return [
            (weight.array(weight.tensor, p.size), bias.array(p.bias, p.size[1:]))
            for p in self.layers
            for weight, bias in [(p.parameters[0], Place(p.bias))]
        ]

    # The implementation's members ------------------------------------------------------------------------------------

    def begin(self, config: Config) -> None:
        super().begin(config)
        self.reference = mlp_numpy.MLP(config)
        self.shapes = mlp_numpy.param_shapes(config)

    @property
    def has_momentum(self) -> bool:
        return self.optimizer is not None and any(group.get("momentum") for group in self.optimizer.param_groups)

    def forward(self, x: np.ndarray) -> np.ndarray:
        self._given_masks = self._drawn_masks(len(x)) if self.always_dropped else []
        with _dropout(self):
            look = self._pass(torch.tensor(x, dtype=self.dtype))
        self._given_masks = []
        found = [p for p in look.products if p.weight is self.last]
        return found[-1].value.numpy().reshape(len(x), -1)

    def _drawn_masks(self, samples: int) -> list[tuple[float, Tensor]]:
        """The masks that the reference would draw for itself, for dropouts that are on where they should not be."""
        if not self.config.dropout:
            return []
        return self._by_rate(self.reference._draw_masks(samples))

    def _by_rate(self, masks: Sequence[np.ndarray]) -> list[tuple[float, Tensor]]:
        """Each hidden layer's mask with its rate, of those that drop something."""
        pairs = zip(self.config.by_layer("dropout"), masks, strict=True) if masks else ()
        return [(rate, torch.tensor(mask, dtype=self.dtype)) for rate, mask in pairs if rate]

    @property
    def last(self) -> Tensor:
        """The weights of the last layer."""
        return self.layers[-1].weight

    def predict(self, x: np.ndarray) -> np.ndarray:
        """The user's own, in whatever mode the model is left; or what the reference decides on the outputs."""
        if self.own_predict is None:
            return super().predict(x)
        self._given_masks = self._drawn_masks(len(x))
        if not isinstance(self.model, nn.Module):
            self._refill()
        self.trained_in = False
        with _dropout(self):
            found = self.own_predict(self.model, torch.tensor(x, dtype=self.dtype))
        self._given_masks = []
        self._note_predict()
        return self.decided(found, len(x))

    def observed_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """One update by the user's step: its loss, and the gradients as the update found them in .grad."""
        self.gradient, self.last_loss = {}, float("nan")
        self._given_masks = self._by_rate(masks or ())
        xs, ys = torch.tensor(x, dtype=self.dtype), torch.tensor(self.targets(y))
        if not isinstance(self.model, nn.Module):
            self._refill()
        with _dropout(self):
            returned = self.step(self.model, self.loss, self.optimizer, xs, ys)
        self._given_masks = []
        loss = self.last_loss if returned is None else _number(returned, "step")
        self.clear_spare_biases()
        self.steps += 1
        self._note_mode()
        self.shown_gradient = self.shown_gradient or bool(self.gradient)
        if not self.gradient:
            return loss, nothing(self.shapes)
        return loss, layers_of(self.layers, self.shapes, self.gradient.get)

    def _note_mode(self) -> None:
        """A step that leaves the model in evaluation mode is said once, where the mode matters."""
        modal = self.config.dropout or self.config.batch_norm
        note = "your step leaves the model in evaluation mode (model.training is False), and does not set it back"
        if modal and isinstance(self.model, nn.Module) and not self.model.training and note not in self.seen.notes:
            self.seen.notes.append(note)

    def _note_predict(self) -> None:
        """A predict that calls the model in training mode is said: few samples may change their class by it."""
        if self.trained_in and (self.config.dropout or self.config.batch_norm):
            self.seen.notes.append(
                "your predict calls the model in training mode: call model.eval() first, or dropout drops and batch "
                "normalisation takes the batch's own statistics"
            )

    def clear_spare_biases(self) -> None:
        for layer in self.layers:
            if layer.norm is not None and layer.bias is not None:
                layer.bias.data.zero_()

    def _parameters(self) -> list[Tensor]:
        return [place.tensor for layer in self.layers for place in layer.parameters if place.tensor is not None]

    @property
    def params(self) -> Layers:
        return layers_of(self.layers, self.shapes, lambda p: p)

    def set_params(self, params: Layers) -> None:
        with torch.no_grad():
            for layer, arrays in zip(self.layers, params, strict=True):
                for place, a in zip(layer.parameters, arrays, strict=True):
                    if place.tensor is not None:
                        place.tensor.copy_(place.values(a))

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = {"step": self.steps}
        for slot in mlp_numpy.SLOTS[self.config.optimizer]:
            key = self.slots.get(slot)
            state[slot] = nothing(self.shapes)
            if key is not None:
                state[slot] = layers_of(self.layers, self.shapes, lambda p, key=key: self._slot(p, key), np.nan)
        if self.config.batch_norm:
            state["running"] = [(_array(n.mean), _array(n.variance)) for n in self._norms()]
        return state

    @property
    def absent(self) -> set[str]:
        """The optimizer's slots that do not exist, since it does not train the parameter, in the ledger's words."""
        if not self.steps or self.optimizer is None:
            return set()
        return {
            f"{slot.replace('_', ' ')} of layer {number} {part}"
            for slot, key in self.slots.items()
            for number, layer in enumerate(self.layers, 1)
            for part, place in zip("Wbg", layer.parameters, strict=False)
            if place.tensor is not None and self._slot(place.tensor, key) is None
        }

    def _slot(self, p: Tensor, key: str) -> Tensor | None:
        return self.optimizer.state.get(p, {}).get(key) if self.optimizer is not None else None

    def set_state(self, state: dict[str, Any]) -> None:
        for norm, (mean, variance) in zip(self._norms(), state.get("running", []), strict=False):
            norm.mean.copy_(torch.as_tensor(np.array(mean)))  # type: ignore[union-attr]
            norm.variance.copy_(torch.as_tensor(np.array(variance)))  # type: ignore[union-attr]
        if state["step"] == 0 or self.optimizer is None:
            return  # The optimizer is new, and starts as it starts.
        for trained in self._parameters():
            count = self.optimizer.state.get(trained, {}).get("step")
            if isinstance(count, Tensor):
                count.fill_(state["step"])
        for name in self.slots.keys() & state.keys():
            for layer, arrays in zip(self.layers, state[name], strict=True):
                for place, a in zip(layer.parameters, arrays, strict=True):
                    slot = None if place.tensor is None else self._slot(place.tensor, self.slots[name])
                    if slot is not None:  # It has none of a parameter that it does not train.
                        slot.copy_(place.values(a))

    def _norms(self) -> list[Any]:
        return [layer.norm for layer in self.layers if layer.norm is not None]

    # Watching the user's step ----------------------------------------------------------------------------------------

    def _watched(self, loss: Callable) -> Callable:
        """The loss function, which from now on remembers what it was given and what it gave."""
        if isinstance(loss, nn.Module):
            loss.to(self.dtype)
            loss.register_forward_hook(lambda m, arguments, value: self._keep_loss(arguments, value))
            return loss

        def watched(*arguments: Any, **named: Any) -> Any:
            value = loss(*arguments, **named)
            self._keep_loss(arguments, value)
            return value

        return watched

    def watch_batches(self) -> None:
        self.watches = True

    def _keep_loss(self, arguments: tuple, value: Any) -> None:
        if self.watches and len(arguments) > 1 and isinstance(arguments[1], Tensor):
            self.seen_targets = arguments[1].detach().clone()
        shapes = [tuple(a.shape) for a in arguments[:2] if isinstance(a, Tensor)]
        self.broadcast = len(shapes) == 2 and len(set(shapes)) == 2 and len({np.prod(shape) for shape in shapes}) == 1
        self.last_loss = _number(value, "loss") if isinstance(value, Tensor) and value.numel() == 1 else float("nan")

    def _keep_gradient(self, p: Tensor) -> None:
        self.gradient[p] = p.grad.detach().clone()  # type: ignore[union-attr]

    @contextmanager
    def _evaluation(self) -> Iterator[None]:
        """Evaluation mode for a while; every module gets back the mode that it had."""
        modes = [(m, m.training) for m in self.model.modules()] if isinstance(self.model, nn.Module) else []
        if modes:
            self.model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training

    _given_masks: Sequence[tuple[float, Tensor]] = ()

    def _called(self, arguments: tuple) -> None:
        self.trained_in |= self.model.training
        if self.watches and arguments and isinstance(arguments[0], Tensor):
            self.seen_inputs = arguments[0].detach().clone()
        self._refill()

    def _refill(self) -> None:
        """Every pass through the model takes the step's masks from the first on."""
        self._masks = list(self._given_masks)


def unwrapped(model: Any) -> Any:
    """The model inside what torch.compile or DataParallel made of it."""
    for name in ("_orig_mod", "module"):
        inner = getattr(model, name, None)
        if isinstance(inner, nn.Module) and type(model).__name__ in ("OptimizedModule", "DataParallel"):
            return unwrapped(inner)
    return model


@contextmanager
def _dropout(candidate: TorchCandidate) -> Iterator[None]:
    """Let dropouts, modules and functions alike, take the candidate's masks; one that has none drops as it likes.

    A dropout of another rate than the mask's drops the same units, and scales the others as its own rate has it.
    """
    original = F.dropout

    def dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        if training and 0 < p < 1:
            fitting = [(n, rate, mask) for n, (rate, mask) in enumerate(candidate._masks) if mask.shape == input.shape]
            fitting.sort(key=lambda one: one[1] != p)
            for number, rate, mask in fitting[:1]:
                del candidate._masks[: number + 1]
                return input * (mask if rate == p else mask * ((1 - rate) / (1 - p)))
        return original(input, p, training, inplace)

    F.dropout = dropout
    try:
        yield
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


def _array(values: Any) -> np.ndarray:
    return values.detach().cpu().numpy().copy()
