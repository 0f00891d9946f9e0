"""What is kept of a network's recorded training: plain values, as JSON has them.

    {"name", "steps": those shown, "made": of what and by what,
     "forms": {form: {framework: {"text", "about", "difference", "named": the differences of a native program, "losses",
                                  "printed"} or {"fault": why it is not shown}}},
     "numbers": {form: {role: {framework: [summary, a step each, or one for all]}}},
     "gaps": {form: {role: [{"numpy torch": difference} of a step each]}},
     "surfaces", "pictures": {form: [{framework: what it says of the plane, or of a few digits} of a step each]},
     "plane": {"bounds", "side", "points": [[x, y, class]]} or null}

What frameworks have alike stands close together, where it is compressed best.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, softmax

from compare.programs.program import FORMS, FRAMEWORKS, program
from compare.programs.record import SIDE, Network, Run, bounds, differences, ends_in_sigmoid
from compare.programs.spec import Spec

FIRST = 5  # entries of an array that are kept
PICTURES = 4  # of a batch
RECORDERS = ("observe.py", "values.py", "record.py", "effects.py", "stored.py")
PACKAGES = ("numpy", "torch", "tensorflow", "keras", "jax", "optax", "scikit-learn")


@cache
def made() -> dict[str, Any]:
    """By what a record is made now: the packages' versions, and a digest of the modules that record."""
    folder = Path(__file__).parent
    text = b"".join((folder / name).read_bytes() for name in RECORDERS)
    return {"versions": {name: version(name) for name in PACKAGES}, "by": hashlib.sha256(text).hexdigest()[:16]}


def current(record: dict[str, Any], spec: Spec) -> bool:
    """Whether a record is what would be recorded now: by the same modules, of the same programs, and whole."""
    if record.get("made") != made():
        return False
    for form in FORMS:
        for framework in FRAMEWORKS:
            found = record["forms"][form].get(framework)
            if not found or found.get("text") != program(framework, spec, form, found.get("about", ())).text:
                return False
    return True


def stored(network: Network) -> dict[str, Any]:
    """What is kept of a network."""
    forms: dict[str, dict[str, Any]] = {form: {} for form in FORMS}
    for (form, framework), run in network.runs.items():
        forms[form][framework] = _kept(run)
    for (form, framework), fault in network.faults.items():
        forms[form][framework] = {"fault": fault}
    return {
        "name": network.spec.name,
        "steps": list(network.steps),
        "made": made(),
        "forms": forms,
        "numbers": {form: _numbers(network.beside(form)) for form in FORMS},
        "gaps": {form: _gaps(network.beside(form)) for form in FORMS},
        "surfaces": {form: _surfaces(network, form) for form in FORMS},
        "pictures": {form: _all_pictures(network, form) for form in FORMS},
        "plane": _plane(network.spec),
    }


def _kept(run: Run) -> dict[str, Any]:
    proof = run.proof
    named = [{"name": name, "about": ""} for name in proof.others]
    named += [{"name": cause.label, "about": f"{cause.trap.title}: {cause.trap.why}"} for cause in proof.causes]
    return {
        "text": run.program.text,
        "about": proof.lines(),
        "difference": _digits(proof.difference, 3),
        "named": [each | {"size": _digits(run.sizes.get(each["name"], np.nan), 3)} for each in named],
        "losses": [_digits(loss, 7) for loss in run.losses],
        "printed": run.printed,
    }


def _roles(runs: dict[str, Run]) -> list[str]:
    return list(dict.fromkeys(role for run in runs.values() for role in run.numbers))


def _numbers(runs: dict[str, Run]) -> dict[str, dict[str, list]]:
    return {
        role: {name: [summary(a) for a in run.numbers[role]] for name, run in runs.items() if role in run.numbers}
        for role in _roles(runs)
    }


def _gaps(runs: dict[str, Run]) -> dict[str, list[dict[str, float]]]:
    numbers = {name: run.numbers for name, run in runs.items()}
    found = {}
    for role in _roles(runs):
        count = max(len(each[role]) for each in numbers.values() if role in each)
        found[role] = [differences(numbers, role, step) for step in range(count)]
    return found


def _surfaces(network: Network, form: str) -> list[dict[str, str]]:
    runs, steps = network.beside(form), range(len(network.steps))
    return [{name: _surface(run, run.surfaces[i]) for name, run in runs.items() if run.surfaces} for i in steps]


def _all_pictures(network: Network, form: str) -> list[dict[str, list]]:
    if network.spec.source.dataset != "digits":
        return []
    steps = range(len(network.steps))
    return [{name: _pictures(run, step) for name, run in network.beside(form).items()} for step in steps]


def summary(a: np.ndarray) -> list:
    """Shape, first entries, mean and norm of an array, to ten digits."""
    flat = a.ravel()
    first = [_digits(v, 10) for v in flat[:FIRST]]
    return [list(a.shape), first, _digits(flat.mean(), 10), _digits(float(np.linalg.norm(flat)), 10)]


def _digits(value: np.floating | float, digits: int) -> float | None:
    """A number to so many digits; None where it is not finite."""
    return float(f"{value:.{digits}g}") if np.isfinite(value) else None


def _plane(spec: Spec) -> dict[str, Any] | None:
    """Where the training set of a network with two inputs lies."""
    if spec.layer_sizes[0] != 2:
        return None
    points = [
        [*(_digits(v, 4) for v in x), int(y)] for x, y in zip(spec.dataset.x_train, spec.dataset.y_train, strict=True)
    ]
    return {"bounds": bounds(spec), "side": SIDE, "points": points}


def _surface(run: Run, outputs: np.ndarray) -> str:
    """What the network says at each point of the plane, a byte each: class * 16 + certainty from 0 to 15, as base64."""
    shares = shares_of(run, outputs)
    if shares.shape[1] == 1:
        shares = np.column_stack([1 - shares, shares])
    top = shares.max(axis=1)
    lowest = 1 / shares.shape[1]
    certain = np.clip((top - lowest) / (1 - lowest), 0, 1)
    code = shares.argmax(axis=1) * 16 + np.nan_to_num(certain * 15).astype(int)
    return base64.b64encode(code.astype(np.uint8).tobytes()).decode("ascii")


def shares_of(run: Run, outputs: np.ndarray) -> np.ndarray:
    """A network's outputs as shares from 0 to 1: of the classes (G, K), or of the second one (G, 1)."""
    outputs, loss = outputs.reshape(len(outputs), -1), run.program.spec.config.loss
    if loss == "softmax_cross_entropy":
        return softmax(outputs, axis=1)
    if loss in ("mse", "mae", "huber") or ends_in_sigmoid(run.program):
        return np.clip(outputs, 0, 1)
    return expit(outputs)


def _pictures(run: Run, step: int) -> list[dict[str, Any]]:
    """The first samples of a step's batch: 8x8 pixels of 0 to 16 as base64, the digit, and what the network said."""
    numbers, last = run.numbers, f"z{len(run.program.spec.layer_sizes) - 1}"
    x, y, z = (numbers[name][step][:PICTURES] for name in ("x", "y", last))
    labels = y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.ravel()
    pixels = np.round(x * 16).astype(np.uint8)
    return [
        {"pixels": base64.b64encode(p.tobytes()).decode("ascii"), "digit": int(digit), "said": int(said)}
        for p, digit, said in zip(pixels, labels, z.argmax(axis=1), strict=True)
    ]
