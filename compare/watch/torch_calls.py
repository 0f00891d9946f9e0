"""Calls of torch's functions: what they take, and the tensors among it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from compare.watch.torch_layout import same, transposed

# The functions that keep parameters, by the names of what they take.
TAKES: dict[str, tuple[str, ...]] = {
    "linear": ("input", "weight", "bias"),
    **{
        f"{kind}{n}d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
        for kind in ("conv", "conv_transpose")
        for n in (1, 2, 3)
    },
    "multi_head_attention_forward": (
        "query",
        "key",
        "value",
        "embed_dim_to_check",
        "num_heads",
        "in_proj_weight",
        "in_proj_bias",
        "bias_k",
        "bias_v",
        "add_zero_attn",
        "dropout_p",
        "out_proj_weight",
        "out_proj_bias",
    ),
    "embedding": ("input", "weight", "padding_idx"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps"),
    **{
        name: ("input", "hx", "params", "has_biases", "num_layers", "dropout", "train", "bidirectional", "batch_first")
        for name in ("lstm", "gru", "rnn_tanh", "rnn_relu")
    },
}
PRODUCTS = ("matmul", "__matmul__", "mm", "__rmatmul__")
SUMS = ("add", "__add__", "__radd__")
# What says nothing of a network: asking a tensor for its shape, turning it into a number, and the like.
SILENT = {
    "__get__", "__set__", "size", "dim", "numel", "item", "detach", "clone", "to", "cpu", "cuda", "backward", "tolist",
    "numpy", "requires_grad_", "zero_", "is_floating_point", "is_complex", "register_hook", "__len__", "__repr__",
    "retain_grad", "contiguous", "data_ptr", "__format__", "type", "stride", "is_contiguous", "float", "double",
}  # fmt: skip
ELEMENTWISE = {"relu", "relu_", "dropout", "leaky_relu", "tanh", "sigmoid", "gelu", "elu", "silu"}
# What functions without a signature take unless told.
DEFAULTS: dict[str, dict[str, Any]] = {"gelu": {"approximate": "none"}, "elu": {"alpha": 1.0}}
SMALLER = (torch.float32, torch.float16, torch.bfloat16)


def leaf(value: Any) -> tuple[Tensor | None, Any]:
    """The trained parameter that an argument is, and how it is turned."""
    if not isinstance(value, Tensor) or not value.requires_grad:
        return None, same
    if hasattr(value, "_turned"):
        return value._turned, transposed
    return (value, same) if value.is_leaf else (None, same)


def spelled(name: str, args: tuple, kwargs: dict) -> tuple[str, tuple, Tensor | None]:
    """A product with a parameter that is spelled otherwise, as a matmul of two; and the bias that it adds."""
    if name == "addmm" and len(args) == 3 and not kwargs and leaf(args[0])[0] is not None:
        return "matmul", args[1:], args[0]
    if name == "linear" and not kwargs and not args[1].is_leaf and hasattr(args[1], "_turned"):
        bias = args[2] if len(args) > 2 else None
        if bias is None or leaf(bias)[0] is not None:
            return "matmul", (args[0], args[1]._turned), bias
    if name == "tensordot" and len(args) == 2 and kwargs.get("dims", 2) == 1 and _matrix(args[1]):
        return "matmul", args, None
    if name == "einsum" and isinstance(args[0], str):
        operands = args[1] if len(args) == 2 and isinstance(args[1], tuple | list) else args[1:]
        sides, _, out = args[0].replace(" ", "").partition("->")
        names = sides.split(",")
        for x, w in ((0, 1), (1, 0)):
            if len(names) != 2 or len(operands) != 2 or not _matrix(operands[w]) or leaf(operands[x])[0] is not None:
                continue
            batch, inner = names[x][:-1], names[x][-1:]
            if names[w][0] == inner and out == batch + names[w][1]:
                return "matmul", (operands[x], operands[w]), None
            if names[w][1] == inner and out == batch + names[w][0]:
                return "matmul", (operands[x], _turned(operands[w])), None
    return name, args, None


def _matrix(value: Any) -> bool:
    return leaf(value)[0] is not None and value.dim() == 2


def _turned(p: Tensor) -> Tensor:
    turned = p.t()
    turned._turned = p  # type: ignore[attr-defined]
    return turned


def plain(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return all(plain(v) for v in value)
    return isinstance(value, int | float | bool | str)


def holds_tensor(value: Any) -> bool:
    return any(True for _ in tensors(value))


def tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, tuple | list):
        for v in value:
            yield from tensors(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from tensors(v)


def mapped(function: Callable, value: Any) -> Any:
    if type(value) in (tuple, list):
        return type(value)(mapped(function, v) for v in value)
    if type(value) is dict:
        return {k: mapped(function, v) for k, v in value.items()}
    return function(value)


def evaluated(name: str, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """The arguments of a call as in evaluation: running statistics as they stand, and no dropout."""
    place = 5 if name == "batch_norm" else 2 if "dropout" in name else None
    if place is None or (name == "batch_norm" and _statistics(args, kwargs) is None):
        return args, kwargs
    if len(args) > place:
        return (*args[:place], False, *args[place + 1 :]), kwargs
    return args, kwargs | {"training": False}


def is_on(name: str, args: tuple, kwargs: dict) -> bool:
    """Whether a call is a dropout that drops, or a normalisation by the batch where running statistics are kept."""
    if name == "batch_norm":
        training = args[5] if len(args) > 5 else kwargs.get("training", False)
        return bool(training) and _statistics(args, kwargs) is not None
    if not name.endswith(("dropout", "dropout1d", "dropout2d", "dropout3d")):
        return False
    rate = args[1] if len(args) > 1 else kwargs.get("p", 0.5)
    return bool(rate) and bool(args[2] if len(args) > 2 else kwargs.get("training", kwargs.get("train", True)))


def _statistics(args: tuple, kwargs: dict) -> Any:
    return args[1] if len(args) > 1 else kwargs.get("running_mean")


# In twice the precision -----------------------------------------------------------------------------------------------


def double(value: Any) -> Any:
    if isinstance(value, Tensor) and value.dtype in SMALLER and not (value.is_leaf and value.requires_grad):
        return value.double()
    return value


def widened(func: Callable, name: str, args: tuple, kwargs: dict) -> tuple[Callable, tuple, dict]:
    """The same call in float64."""
    if name in ("float", "half", "bfloat16") and func is getattr(Tensor, name, None):
        return Tensor.double, args, {}
    in_place = name.endswith("_") and not name.endswith("__")

    def wide(value: Any) -> Any:
        if isinstance(value, torch.dtype) and value in SMALLER:
            return torch.float64
        if value is torch.FloatTensor or (isinstance(value, str) and value == "torch.FloatTensor"):
            return torch.DoubleTensor
        if in_place or name in ("__get__", "__set__", "detach", "numpy", "requires_grad_"):
            return value
        return value.double() if isinstance(value, Tensor) and value.dtype in SMALLER else value

    return func, mapped(wide, args), mapped(wide, kwargs)
