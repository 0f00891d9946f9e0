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
    return Drive([Given(s.before, [*s.inputs], [*s.targets], s.gradients, s.backwards) for s in a.steps[:steps]])


def for_second(a: Recording, b: Recording, match: Match, data: Data, steps: int) -> Drive:
    """The second script on the first one's steps, every array in the second one's shape."""
    inputs, targets = forms(a, b, data)
    given = []
    for step, own in zip(a.steps[:steps], [*b.steps[:steps], *[b.steps[-1]] * steps], strict=False):
        x, y = in_form(inputs, step.whole[0]), in_form(targets, step.whole[1])
        before, gradients = (parameters(values, a, b, match) for values in (step.before, step.gradients))
        given.append(Given(before, parted(x, own.parts), parted(y, own.parts), gradients, own.backwards))
    return Drive(given)


def forms(a: Recording, b: Recording, data: Data) -> tuple[list[Form | None], list[Form | None]]:
    """How inputs and targets of the first become the second's, of whole batches; None where they cannot."""
    return _inputs(a, b, data), _targets(a, b)


def in_form(forms: list[Form | None], values: list[np.ndarray]) -> Arrays:
    """The first one's inputs or targets in the second's form; what the second has more of is made of the first."""
    of_each = [values[min(k, len(values) - 1)] for k in range(len(forms))] if values else []
    return [form(v) if form else None for form, v in zip(forms, of_each, strict=False)]


def parted(values: Arrays, parts: int) -> Arrays:
    """One batch as the several that a script adds up the gradients of."""
    if parts == 1 or any(v is None or not np.ndim(v) or len(v) < parts for v in values):
        return values
    split = [np.array_split(np.asarray(v), parts) for v in values]
    return [part[k] for k in range(parts) for part in split]


def parameters(values: Arrays, a: Recording, b: Recording, match: Match) -> Arrays:
    """The first one's weights or gradients as the second's."""
    found: Arrays = [None] * len(b.parameters)
    for i, j in match.pairs:
        value = like(values[i], a.parameters[i], b.parameters[j]) if i < len(values) else None
        found[j] = None if value is None else match.to_second(i, value)
    return found


def _inputs(a: Recording, b: Recording, data: Data) -> list[Form | None]:
    """How each input of the first becomes one of the second; None where it cannot."""
    forms: list[Form | None] = []
    for number, (x, y) in enumerate(zip(a.steps[0].whole[0], b.steps[0].whole[0], strict=False)):
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
    """How the first one's targets become the second's: each its own, or what the second makes of its first."""
    ts, others = a.steps[0].whole[1], [step.whole[1] for step in b.steps]
    if not ts or not others[0]:
        return []
    own = base(ts[0], [t[0] for t in others if t])
    forms: list[Form | None] = [own]
    for number in range(1, len(others[0])):
        if number < len(ts):
            forms.append(base(ts[number], [t[number] for t in others if len(t) > number]))
            continue
        made = _made([(t[0], t[number]) for t in others if len(t) > number]) if len(ts) == 1 else None
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


def _made(pairs: list[tuple[np.ndarray, np.ndarray]]) -> Form | None:
    """What a script makes of its target before it meets the outputs again, found by trying."""
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
