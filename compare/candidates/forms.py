"""In which form a user's step expects its targets: found out by offering each, and taking the one that trains alike."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from compare.candidates.base import COLUMN, FLAT, Candidate
from compare.ledger.trace import Trace, record
from impls.mlp_numpy import Config
from shared.scenarios import Plan

ALIKE = 1e-3  # Share by which a first step may differ in its loss and gradient and still be the reference's.


def fitting(make: Callable[[], Candidate], config: Config, plan: Plan, reference: Trace) -> tuple[str, str]:
    """The form for a candidate that `make` builds anew, and what is to be said of the choice, or "".

    The first step is made with each. The form is the one with which it is the reference's step; where no form does
    that, the one with which the loss spreads nothing, or else the first that runs.
    """
    forms, first = _begun(make, config).forms, replace(plan, steps=plan.steps[:1])
    if len(forms) == 1:
        return forms[0], ""
    tried: dict[str, Trace] = {}
    spread: dict[str, bool] = {}
    for form in forms:
        candidate = _begun(make, config)
        candidate.form = form
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # PyTorch's of two shapes: it is said below.
                tried[form] = record(candidate, first)  # type: ignore[arg-type]
        except Exception:
            continue  # Where no form goes, the training itself says why.
        spread[form] = candidate.broadcast
    if not tried or len({_key(trace) for trace in tried.values()}) == 1:
        return next(iter(tried), forms[0]), ""
    alike = [form for form, trace in tried.items() if _misses(trace, reference) < ALIKE]
    chosen = next(iter(alike), next((form for form in tried if not spread[form]), next(iter(tried))))
    return chosen, _said(chosen, bool(alike), tried, reference) if len(tried) > 1 else ""


def _begun(make: Callable[[], Candidate], config: Config) -> Candidate:
    candidate = make()
    candidate.begin(config)
    return candidate


def _key(trace: Trace) -> float:
    """Two steps with one loss and one update are the same."""
    return round(float(trace.losses[0]), 9) + round(float(np.abs(trace.params).sum()), 9)


def _misses(trace: Trace, reference: Trace) -> float:
    """By which share the first loss, and the first gradient where it is shown, differ from the reference's."""
    misses = [abs(float(trace.losses[0] - reference.losses[0])) / max(abs(float(reference.losses[0])), 1e-12)]
    if trace.gradients.size and np.isfinite(trace.gradients[0]).all():
        one, other = trace.gradients[0], reference.gradients[0]
        misses.append(float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-12)))
    return float(np.nan_to_num(max(misses), nan=np.inf))


def _said(chosen: str, alike: bool, tried: Mapping[str, Trace], reference: Trace) -> str:
    losses = {form: f"{float(trace.losses[0]):.6g}" for form, trace in tried.items()}
    other = next(form for form in tried if form != chosen)
    if alike and losses[chosen] != losses[other]:
        why = ", since (B, 1) and (B,) spread over each other" if {chosen, other} == {FLAT, COLUMN} else ""
        return (
            f"your step runs with y of shape {chosen} and of shape {other}, and only {chosen} is right: the first loss "
            f"is {losses[chosen]}, with {other} it is {losses[other]}{why}; see that your y has the shape {chosen}"
        )
    if alike:
        return f"your step runs with y of shape {chosen} and of shape {other}, and only {chosen} trains as it should"
    shown = " and ".join(f"{losses[form]} with y of shape {form}" for form in tried)
    return (
        f"your step runs with either shape of y and differs: the first loss is {shown}, "
        f"the reference's is {float(reference.losses[0]):.6g}; compared is {chosen}"
    )
