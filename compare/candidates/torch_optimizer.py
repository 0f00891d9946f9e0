"""PyTorch's optimizers in the words of the reference's configuration."""

from __future__ import annotations

from typing import Any

import torch

# The reference's optimizer for each of PyTorch's, and where that keeps the reference's slots. AdamW is an Adam too.
OPTIMIZERS: list[tuple[type[torch.optim.Optimizer], str, dict[str, str]]] = [
    (torch.optim.AdamW, "adamw", {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}),
    (torch.optim.NAdam, "adam", {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}),
    (torch.optim.Adam, "adam", {"first_moment": "exp_avg", "second_moment": "exp_avg_sq"}),
    (torch.optim.RMSprop, "rmsprop", {"second_moment": "square_avg"}),
    (torch.optim.Adagrad, "adagrad", {"square_sum": "sum"}),
    (torch.optim.SGD, "sgd", {"velocity": "momentum_buffer"}),
]


def fields(optimizer: torch.optim.Optimizer, kind: str | None) -> dict[str, Any]:
    """The fields of the Config for an optimizer; the learning rate alone where the reference has none of its `kind`."""
    group = optimizer.param_groups[0]
    found: dict[str, Any] = {"learning_rate": float(group["lr"])}
    if kind is None:
        return found
    found["optimizer"] = kind
    if kind == "sgd" and group["momentum"]:
        found |= {"optimizer": "nesterov" if group["nesterov"] else "momentum", "momentum": group["momentum"]}
    if "betas" in group:
        found |= dict(zip(("beta1", "beta2"), map(float, group["betas"]), strict=True))
    if "alpha" in group:
        found["beta2"] = float(group["alpha"])
    if group.get("weight_decay"):
        found["weight_decay"] = float(group["weight_decay"])
    return found


def options(optimizer: torch.optim.Optimizer, kind: str | None) -> list[str]:
    """What it was asked for that the reference's has not, in words."""
    group = optimizer.param_groups[0]
    found = [name for name in ("amsgrad", "centered") if group.get(name)]
    if kind == "rmsprop" and group.get("momentum"):
        found.append(f"momentum {group['momentum']:g}")
    if isinstance(optimizer, torch.optim.NAdam):
        found.append("Nesterov's look ahead, of NAdam")
    return found if kind is not None else []


def settings(optimizer: Any, kind: str | None) -> dict[str, float]:
    """What it is set to, by the Config's names; nothing for one that the reference has not."""
    names = {"eps": "epsilon", "momentum": "momentum", "alpha": "beta2", "weight_decay": "weight_decay"}
    group = optimizer.param_groups[0] if kind is not None else {}
    found = {field: float(group[name]) for name, field in names.items() if name in group}
    if kind == "rmsprop":
        found.pop("momentum", None)  # It has another meaning there.
    return found | dict(zip(("beta1", "beta2"), map(float, group.get("betas", ())), strict=False))
