"""Settings of a candidate that are not what the Config asks for, each as the trap that it would be.

They are tried with the numbers that the model has, and named only if they explain it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from compare.traps.catalogue.activation import BEYOND, variant_of_layers
from impls import mlp_numpy
from impls.mlp_numpy import Config

Suspect = tuple[str, str, dict[str, Any]]  # a trap, its variant in words, and the values of that
ALIKE = 1e-6  # share by which what an activation gives may be off
SURE = 1e-12  # share by which a number may be off that is read off an activation
ADAMS = ("adam", "adamw")


def of_settings(config: Config, has: Mapping[str, float], framework: str) -> list[Suspect]:
    """What differs of an optimizer's and a batch normalisation's settings, by the names of the Config's fields.

    A batch normalisation's are norm_epsilon and norm_momentum, this in PyTorch's meaning.
    """
    found: list[Suspect] = []
    other = {name: value for name, value in has.items() if not np.isclose(value, getattr(config, name, -1), 1e-6, 0)}
    if "epsilon" in other:
        value = {"epsilon": other["epsilon"]}
        found.append(("epsilon-value", f"{value['epsilon']:g}", value))
        if framework == "keras" and config.optimizer in (*ADAMS, "rmsprop"):
            name = f"{config.optimizer}-as-keras-has-it"
            found.append((name, f"with epsilon {value['epsilon']:g}", value))
    betas: dict[str, float] = {name: other[name] for name in ("beta1", "beta2") if name in other}
    if betas:
        trap = "adam-betas" if config.optimizer in ADAMS else "rmsprop-decay"
        found.append((trap, " and ".join(f"{name} {value:g}" for name, value in betas.items()), betas))
    if "momentum" in other:
        found.append(("momentum-value", f"{other['momentum']:g}", {"momentum": other["momentum"]}))
    if "weight_decay" in other and config.weight_decay and other["weight_decay"]:
        factor = other["weight_decay"] / config.weight_decay
        found.append(("decay-factor", f"{factor:.6g} times", {"factor": factor}))
    for name, trap in {"norm_epsilon": "norm-epsilon", "norm_momentum": "norm-momentum"}.items():
        if name in has:
            found.append((trap, f"{has[name]:g}", {"value": has[name]}))
    return found


def of_dropout(config: Config, rates: Sequence[float]) -> list[Suspect]:
    """Rates at which hidden layers drop, where they are others than the Config's."""
    wanted = config.by_layer("dropout")
    if len(rates) != len(wanted) or tuple(rates) == wanted or not all(0 <= rate < 1 for rate in rates):
        return []
    return [("dropout-rate", ", ".join(f"{rate:g}" for rate in rates), {"rates": tuple(rates)})]


def of_layers(config: Config, between: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Suspect]:
    """What follows some of the hidden layers, not all, where it is a known function but not the Config's."""
    known, found = BEYOND | mlp_numpy.ACTIVATIONS, list[tuple[int, str]]()
    for number, ((z, a), wanted) in enumerate(zip(between, config.by_layer("activation"), strict=True), 1):
        if z.shape == a.shape and not _is(known[wanted], z, a):
            found += [(number, name) for name in known if _is(known[name], z, a)][:1]
    if not found or len(between) == 1:
        return []
    label, values = variant_of_layers(config, tuple(found))
    return [("activation-of-layer", label, values)]


def _is(function: tuple[Callable, Callable], z: np.ndarray, a: np.ndarray) -> bool:
    return bool(np.abs(function[0](z) - a).max() <= ALIKE * max(np.abs(a).max(), 1e-300))


def of_activation(config: Config, between: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Suspect]:
    """The slope or the alpha of what follows the hidden layers, from what it makes of z: pairs (z, a)."""
    if not between:
        return []
    pairs = [(z.ravel(), a.ravel()) for z, a in between if z.shape == a.shape]
    z, a = (np.concatenate([pair[k] for pair in pairs]).astype(float) for k in (0, 1)) if pairs else (np.zeros(0),) * 2
    forms: dict[str, Callable[[np.ndarray], np.ndarray]] = {"leaky": lambda z: z, "elu": np.expm1}
    found: list[Suspect] = []
    below = z < 0
    if not below.any() or np.abs(a - z)[~below].max(initial=0.0) > 1e-6 * np.abs(z).max():
        return []
    for name, form in forms.items():
        shares = a[below] / form(z[below])
        if np.ptp(shares) > 1e-6 * np.abs(shares).max() or not shares.any():
            continue
        share = float(np.median(shares))
        share = next((s for s in (float(f"{share:.6g}"),) if abs(s - share) <= SURE * abs(share)), share)
        if name == "leaky" and config.activation == "leaky_relu":
            found.append(("leaky-slope", f"{share:g}", {"slope": share}))
        elif name == "leaky":
            found.append(("other-activation", f"leaky ReLU with slope {share:g}", {"leaky": share}))
        else:
            found.append(("other-activation", f"ELU with alpha {share:g}", {"elu": share}))
    return found
