"""What a pass through a PyTorch model shows: the products with its parameters, and what is done between them.

Every function of PyTorch that the pass calls is seen, whoever calls it: an nn.Linear, F.linear, or x @ W + b.
"""

from __future__ import annotations

import inspect
import itertools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from compare.candidates.load import CandidateError
from compare.ledger.contract import Layers

EINSUM = re.compile(r"(\w\w),(\w\w)->(\w\w)")
PRODUCTS = ("linear", "matmul", "__matmul__", "__rmatmul__", "mm", "addmm")
SUMS = ("add", "__add__", "__radd__", "__iadd__", "add_")
DROPOUTS = ("dropout", "alpha_dropout", "feature_alpha_dropout", "dropout1d", "dropout2d", "dropout3d")
# Kinds of layers with parameters, or a state, that an MLP has not.
FOREIGN = (
    nn.modules.conv._ConvNd, nn.RNNBase, nn.RNNCellBase, nn.Embedding, nn.EmbeddingBag, nn.LayerNorm, nn.GroupNorm,
    nn.modules.instancenorm._InstanceNorm, nn.LocalResponseNorm, nn.MultiheadAttention, nn.Transformer, nn.Bilinear,
    nn.PReLU, nn.modules.batchnorm.BatchNorm2d, nn.modules.batchnorm.BatchNorm3d, nn.MaxPool1d, nn.MaxPool2d,
    nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, *((nn.RMSNorm,) if hasattr(nn, "RMSNorm") else ()),
)  # fmt: skip


@dataclass(frozen=True)
class Place:
    """A parameter and where its entries stand in the reference's layout; None for one that there is not."""

    tensor: Tensor | None
    turned: bool = False  # kept as (out, in), as nn.Linear does

    def array(self, values: Tensor | None, shape: tuple[int, ...]) -> np.ndarray:
        """Values of the parameter's kind as an array of the reference's shape; zeros where there are none."""
        if values is None:
            return np.zeros(shape)
        array = values.detach().cpu().numpy()
        return (array.T if self.turned else array).reshape(shape).copy()

    def values(self, array: np.ndarray) -> Tensor:
        """The other way."""
        assert self.tensor is not None
        return torch.as_tensor(np.array(array.T if self.turned else array)).reshape(self.tensor.shape)


@dataclass(eq=False)
class Norm:
    """A batch normalisation, as it was called."""

    mean: Tensor | None
    variance: Tensor | None
    scale: Tensor | None
    shift: Tensor | None


@dataclass(eq=False)
class Product:
    """x @ W + b, as it was called, and what was done to it afterwards."""

    weight: Tensor
    turned: bool
    given: Tensor
    value: Tensor  # x @ W + b, before anything changes it in place
    result: Tensor  # the tensor itself, to know it again
    bias: Tensor | None = None
    sideways: bool = False  # samples are columns, as in W @ x.T
    norm: Norm | None = None
    after: list[str] = field(default_factory=list)  # the functions called up to the next product
    rates: list[float] = field(default_factory=list)  # of the dropouts among them that are on

    @property
    def parameters(self) -> tuple[Place, ...]:
        """W, b and, normalised, g. A norm shifts in the bias's place."""
        weight = Place(self.weight, self.turned)
        if self.norm is None:
            return weight, Place(self.bias)
        return weight, Place(self.norm.shift), Place(self.norm.scale)

    @property
    def size(self) -> tuple[int, int]:
        """Inputs and outputs."""
        rows, columns = self.weight.shape
        return (columns, rows) if self.turned else (rows, columns)


class Look(TorchFunctionMode):
    """Watches what is called while it is active."""

    def __init__(self, parameters: Iterable[Tensor]):
        super().__init__()
        self.parameters = {p.data_ptr(): p for p in parameters}
        self.products: list[Product] = []
        self.stray: list[str] = []  # what there is besides that an MLP has not
        self.rates: list[float] = []  # of the dropouts before the first product that are on
        self.always_dropped = False  # whether a dropout was told to be on, whatever the mode
        self.made: list[Any] = []  # everything that was made, so that no identity is given twice

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if isinstance(result, Tensor) and name not in ("__get__", "detach", "dim", "size"):
            self.made.append(result)
            self._see(name, args, kwargs, result)
        return result

    def _see(self, name: str, args: tuple, kwargs: dict, result: Tensor) -> None:
        if name in PRODUCTS:
            self._see_product(name, [*args, *kwargs.values()], result)
        elif name == "einsum":
            self._see_einsum(args, result)
        elif name == "batch_norm":
            self._see_norm(args, kwargs)
        elif name in DROPOUTS:
            self._see_dropout(name, args, kwargs)
        elif self.products and not (name in SUMS and self._see_bias(args, result)):
            self.products[-1].after.append(name)

    def _see_dropout(self, name: str, args: tuple, kwargs: dict) -> None:
        bound = dict(zip(("input", "p", "training"), args, strict=False)) | kwargs
        rate, on = float(bound.get("p", 0.5)), bool(bound.get("training", True))
        if self.products:
            self.products[-1].after.append(name)
            self.always_dropped |= on
        if on and rate and name == "dropout":
            (self.products[-1].rates if self.products else self.rates).append(rate)

    def _see_product(self, name: str, args: list[Any], result: Tensor) -> None:
        bias = None
        if name == "addmm":
            bias, *args = args
        one, other = args[:2]
        if name == "__rmatmul__":
            one, other = other, one
        weight = self._parameter(other)
        if weight is None and (first := self._parameter(one)) is not None and isinstance(other, Tensor):
            straight = one.shape == first.shape and one.stride() == first.stride()
            self._add(first, straight, other.T, result, bias, sideways=True)  # W @ x.T is (x @ W.T).T.
            return
        if weight is None:
            self.stray.append("a product with a matrix that is no parameter")
            return
        straight = other.shape == weight.shape and other.stride() == weight.stride()
        turned = not straight if name != "linear" else straight
        if name == "linear" and len(args) > 2:
            bias = args[2]
        self._add(weight, turned, one, result, bias)

    def _see_einsum(self, args: tuple, result: Tensor) -> None:
        """A product written as torch.einsum("bi,oi->bo", x, W), with the operands in any order."""
        equation, *operands = args
        operands = [*operands[0]] if len(operands) == 1 and not isinstance(operands[0], Tensor) else operands
        written = EINSUM.fullmatch(equation.replace(" ", "")) if isinstance(equation, str) else None
        if written and len(operands) == 2:
            *both, found = written.groups()
            batch, out = tuple(found)
            for (x, given), (W, matrix) in itertools.permutations(zip(both, operands, strict=True)):
                weight = self._parameter(matrix)
                if weight is not None and x[0] == batch and set(W) == {x[1], out} and x[1] != out:
                    straight = matrix.shape == weight.shape and matrix.stride() == weight.stride()
                    self._add(weight, straight == (W[1] == x[1]), given, result, None)
                    return
        self.stray.append("an einsum that is no product x @ W")

    def _add(
        self, weight: Tensor, turned: bool, given: Tensor, result: Tensor, bias: Tensor | None, sideways: bool = False
    ) -> None:
        value = result.detach().clone()
        value = value.T if sideways else value
        self.products.append(Product(weight, turned, given.detach().clone(), value, result, bias, sideways))

    def _parameter(self, tensor: Any) -> Tensor | None:
        """The parameter that a tensor is, or is the transpose of."""
        if not isinstance(tensor, Tensor) or tensor.ndim != 2:
            return None
        found = self.parameters.get(tensor.data_ptr())
        return found if found is not None and found.numel() == tensor.numel() else None

    def _see_bias(self, args: tuple, result: Tensor) -> bool:
        """Whether a sum adds a bias to the last product."""
        last = self.products[-1]
        if last.bias is not None or len(args) < 2:
            return False
        for z, b in (args[:2], args[1::-1]):
            if z is last.result and isinstance(b, Tensor) and b.numel() == last.size[1]:
                if b.data_ptr() not in self.parameters:
                    return False
                last.bias, last.result = self.parameters[b.data_ptr()], result
                last.value = result.detach().clone().T if last.sideways else result.detach().clone()
                return True
        return False

    def _see_norm(self, args: tuple, kwargs: dict) -> None:
        names = ("input", "running_mean", "running_var", "weight", "bias")
        bound = dict(zip(names, args, strict=False)) | kwargs
        last = self.products[-1] if self.products else None
        if last is None or bound["input"] is not last.result or last.after:
            self.stray.append("batch normalisation " + ("of the inputs" if last is None else "after an activation"))
            return
        last.norm = Norm(*(bound.get(name) for name in names[1:]))


def check_kind(model: Any) -> None:
    """CandidateError, in time and by name, for a network that is no multi-layer perceptron."""
    if isinstance(model, torch.jit.ScriptModule):
        raise CandidateError("the model is TorchScript, which cannot be watched: hand over the nn.Module it came from")
    if not isinstance(model, nn.Module):
        return
    for name, module in model.named_modules():
        if isinstance(module, FOREIGN):
            kind = type(module).__name__
            raise CandidateError(
                f"the model has a {kind} ({name or 'itself'}): what can be held is dense layers (nn.Linear) with an "
                "activation, batch normalisation before it and dropout after it; hand over that part alone"
            )
    try:
        wanted = [
            p.name
            for p in inspect.signature(model.forward).parameters.values()
            if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):
        return
    if len(wanted) > 1:
        raise CandidateError(
            f"forward takes {len(wanted)} inputs ({', '.join(wanted)}): the reference has one, x of shape (B, features)"
        )


def check_products(look: Look, name: dict[Tensor, str]) -> None:
    """CandidateError for what was done in a pass that the reference has not."""
    if look.stray:
        raise CandidateError(
            f"the model has {look.stray[0]}: what can be held is dense layers with batch normalisation before the "
            "activation, and dropout after it"
        )
    for product in look.products:
        norm = product.norm
        if norm and (norm.scale is None or norm.shift is None or norm.mean is None or norm.variance is None):
            raise CandidateError(
                f"the batch normalisation after {name[product.weight]} has no scale and shift, or no running statistics"
            )
        if product.given.ndim != 2:
            raise CandidateError(
                f"{name[product.weight]} is given a tensor of shape {tuple(product.given.shape)}: "
                "expected (B, features)"
            )


def input_sizes(model: Any, matrices: Sequence[Tensor], given: Any) -> list[int]:
    """How many inputs the model may have, the likeliest first."""
    if given:
        return [int(given[0])]
    linears = [m.in_features for m in model.modules() if isinstance(m, nn.Linear)] if hasattr(model, "modules") else []
    sizes = itertools.chain.from_iterable((p.shape[0], p.shape[1]) for p in matrices)
    return list(dict.fromkeys([*linears, *sizes]))


def layers_of(products: Sequence[Product], shapes: Sequence[tuple], value: Any, missing: float = 0.0) -> Layers:
    """What `value` gives for every parameter, in the reference's layout; `missing` where it gives nothing."""

    def array(place: Place, shape: tuple[int, ...]) -> np.ndarray:
        values = None if place.tensor is None else value(place.tensor)
        if values is None and place.tensor is not None:
            return np.full(shape, missing)
        return place.array(values, shape)

    return [
        tuple(array(place, shape) for place, shape in zip(product.parameters, of, strict=True))
        for product, of in zip(products, shapes, strict=True)
    ]
