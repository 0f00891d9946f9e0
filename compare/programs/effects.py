"""How much each difference of a native program does: the reference trained as the program was, with it and without it.

A size is max|a - b| / max|b| over all parameters after the last step, or over the outputs for the test set if that is
more; b is without the difference. All else is as in the program: its first weights, its batches, its dropout masks.
"""

from __future__ import annotations

import numpy as np

from compare.ledger import adapters
from compare.ledger.contract import Layers
from compare.programs.observe import Observation
from compare.programs.proof import Proof
from compare.programs.reference import advance, expected_steps, generator, reference
from compare.programs.spec import Spec
from compare.traps.catalogue import Hypothesis

Steps = list[tuple[np.ndarray, np.ndarray, list[np.ndarray]]]  # x, y and masks of each


def effects(proof: Proof, seen: Observation) -> dict[str, float]:
    """The size of each difference that the proof names, by its name; NaN where a training left the numbers."""
    spec, start = proof.program.spec, _layers(seen.start)
    test = seen.data["x_test"]
    own: Steps = [(x, y, masks) for (x, y), masks in zip(seen.batches, seen.masks, strict=True)]

    def trained(start: Layers, steps: Steps, causes: tuple[Hypothesis, ...] = (), rates: list[float] | None = None):
        return _trained(spec, start, steps, causes, rates or [], test)

    plain = trained(start, own)
    found = {}
    for name in proof.others:
        if name.startswith("first weights"):
            without = trained(_drawn(spec, start), own)
        elif name.startswith("its own order"):
            without = trained(start, _other(spec, seen, order=True))
        elif name.startswith("its own dropout"):
            without = trained(start, _other(spec, seen, order=False))
        else:
            found[name] = _size(trained(start, own, (), seen.rates), plain)
            continue
        found[name] = _size(plain, without)
    for cause in proof.causes:
        rates = seen.rates if spec.config.schedule != "constant" else []
        without = trained(start, own, (), rates) if rates else plain
        found[cause.label] = _size(trained(start, own, (cause,), rates), without)
    return found


def _trained(
    spec: Spec, start: Layers, steps: Steps, causes: tuple[Hypothesis, ...], rates: list[float], x_test: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """The reference's parameters after these steps, and its outputs then."""
    model = reference(spec, causes, start, rates)
    with np.errstate(all="ignore"):
        for x, y, masks in steps:
            advance(spec, model, x, y, masks)
        return [a for layer in model.params for a in layer], np.asarray(adapters.outputs(model, x_test))


def _size(a: tuple[list[np.ndarray], np.ndarray], b: tuple[list[np.ndarray], np.ndarray]) -> float:
    def share(one: list[np.ndarray], other: list[np.ndarray]) -> float:
        gap = np.max([np.abs(x - y).max() for x, y in zip(one, other, strict=True)])
        return float(gap / (np.max([np.abs(y).max() for y in other]) or 1))

    return float(np.max([share(a[0], b[0]), share([a[1]], [b[1]])]))


def _layers(params: list[np.ndarray]) -> Layers:
    found: list[list[np.ndarray]] = []
    for each in params:
        if each.ndim == 2:
            found.append([])
        found[-1].append(np.asarray(each, float))
    return [tuple(layer) for layer in found]


def _drawn(spec: Spec, like: Layers) -> Layers:
    """The first parameters of the equal form."""
    drawn = spec.draw(spec.layer_sizes, generator(spec))
    return [(*new, *layer[2:]) for new, layer in zip(drawn, like, strict=True)]


def _other(spec: Spec, seen: Observation, order: bool) -> Steps:
    """The program's steps in the order of the equal form, or with its dropout masks."""
    batches, masks = expected_steps(spec, len(seen.batches))
    x, y = seen.data["x_train"], seen.data["y_train"]
    if order:
        return [(x[batch], y[batch], own) for batch, own in zip(batches, seen.masks, strict=True)]
    return [(*own, drawn) for own, drawn in zip(seen.batches, masks, strict=True)]
