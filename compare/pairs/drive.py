"""What both scripts are given so that each makes the first one's steps: weights, batches, targets and gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from compare.pairs.data import Data
from compare.pairs.match import Match, like
from compare.watch.recording import Arrays, Drive, Given, Recording

Form = Callable[[np.ndarray], np.ndarray]


def for_first(a: Recording, steps: int) -> Drive:
    """The first script on its own steps."""
    return Drive([Given(s.before, [*s.inputs], [*s.targets], s.gradients) for s in a.steps[:steps]])


def for_second(a: Recording, b: Recording, match: Match, data: Data, steps: int) -> Drive:
    """The second script on the first one's steps, every array in the second one's shape."""
    inputs, targets = forms(a, b, data)
    given = []
    for step in a.steps[:steps]:
        given.append(
            Given(
                parameters(step.before, a, b, match),
                [turn(x) if turn else None for turn, x in zip(inputs, step.inputs, strict=False)],
                [turn(step.targets[0]) if turn and step.targets else None for turn in targets],
                parameters(step.gradients, a, b, match),
            )
        )
    return Drive(given)


def forms(a: Recording, b: Recording, data: Data) -> tuple[list[Form | None], list[Form | None]]:
    """How inputs and targets of the first become the second's; None where they cannot."""
    return _inputs(a, b, data), _targets(a, b)


def parameters(values: Arrays, a: Recording, b: Recording, match: Match) -> Arrays:
    """The first one's weights or gradients as the second's."""
    found: Arrays = [None] * len(b.parameters)
    for i, j in match.pairs:
        if i < len(values):
            found[j] = like(values[i], a.parameters[i], b.parameters[j])
    return found


def _inputs(a: Recording, b: Recording, data: Data) -> list[Form | None]:
    """How each input of the first becomes one of the second; None where it cannot."""
    forms: list[Form | None] = []
    for number, (x, y) in enumerate(zip(a.steps[0].inputs, b.steps[0].inputs, strict=False)):
        forms.append(_input(np.shape(x), np.shape(y), data.layout if number == 0 else ""))
    return forms


def _input(one: tuple[int, ...], other: tuple[int, ...], layout: str) -> Form | None:
    if one[1:] == other[1:]:
        return lambda x: x
    if layout == "b moved":
        return lambda x: np.moveaxis(x, -1, 1)
    if layout == "a moved":
        return lambda x: np.moveaxis(x, 1, -1)
    if int(np.prod(one[1:])) == int(np.prod(other[1:])):
        return lambda x: x.reshape(len(x), *other[1:])
    return None


def _targets(a: Recording, b: Recording) -> list[Form | None]:
    """How the first one's target becomes each of the second's: its base, or what the second makes of it."""
    if not a.steps[0].targets or not b.steps[0].targets:
        return []
    own = base(a.steps[0].targets[0], [s.targets[0] for s in b.steps if s.targets])
    forms: list[Form | None] = [own]
    for number in range(1, len(b.steps[0].targets)):
        made = _made(b, number)
        forms.append(None if own is None or made is None else lambda t, made=made: made(own(t)))  # type: ignore[misc]
    return forms


def base(t: np.ndarray, others: list[np.ndarray]) -> Form | None:
    """The first one's target in the form of the second's."""
    one, other = np.asarray(t), np.asarray(others[0])
    classes = other.shape[-1] if other.ndim > 1 else 1
    values = np.unique(np.concatenate([np.ravel(o) for o in others]))
    if one.ndim and other.ndim and one.shape[1:] == other.shape[1:]:
        if np.isin(values, (-1, 1)).all() and -1 in values and np.isin(one, (0, 1)).all():
            return lambda t: (2 * t.astype(float) - 1).astype(other.dtype)
        return lambda t: t
    width = int(np.prod(one.shape[1:])) if one.ndim else 1
    if width == int(np.prod(other.shape[1:])):
        return lambda t: np.reshape(t, (-1, *other.shape[1:]))
    if width == 1 and classes > 1:
        return lambda t: np.eye(classes)[np.ravel(t).astype(int)]
    if width > 1 and int(np.prod(other.shape[1:])) == 1:
        return lambda t: np.reshape(t.reshape(len(t), -1).argmax(axis=1), (-1, *other.shape[1:]))
    return None


def _made(b: Recording, number: int) -> Form | None:
    """What the second makes of its own target before it meets the outputs again, found by trying."""
    pairs = [(s.targets[0], s.targets[number]) for s in b.steps if len(s.targets) > number]
    known: list[Form] = [
        lambda t: t,
        lambda t: 1 - t.astype(float),
        lambda t: 2 * t.astype(float) - 1,
        lambda t: t.reshape(len(t), -1),
        lambda t: t.reshape(-1),
        lambda t: (1 - t.astype(float)).reshape(len(t), -1),
    ]
    classes = np.shape(pairs[0][1])[-1] if np.ndim(pairs[0][1]) > 1 else 1
    if classes > 1:
        known.append(lambda t: np.eye(classes)[np.ravel(t).astype(int)])
    for form in known:
        try:
            if all(np.shape(form(x)) == np.shape(y) and np.allclose(form(x), y) for x, y in pairs):
                return form
        except (ValueError, IndexError):
            continue
    return None
