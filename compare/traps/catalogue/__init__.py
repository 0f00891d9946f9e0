"""The catalogue of traps, in the order in which two of them are put into one copy of the reference."""

from __future__ import annotations

from compare.traps.catalogue import (
    activation,
    clipping,
    decay,
    gradient,
    loss,
    network,
    optimizer,
    rate,
    regularisation,
    training,
)
from compare.traps.catalogue.trap import Hypothesis, Trap, Words, build, mend, record_trapped
from shared.names import unknown_name
from shared.scenarios import Plan

THEMES = (activation, network, regularisation, loss, gradient, optimizer, decay, clipping, rate, training)
CATALOGUE: dict[str, Trap] = {trap.name: trap for theme in THEMES for trap in theme.TRAPS}


def get(name: str) -> Trap:
    """The trap of this name; ValueError, with the nearest name, if there is none."""
    if name not in CATALOGUE:
        raise unknown_name("trap", name, CATALOGUE)
    return CATALOGUE[name]


def hypotheses(plan: Plan) -> list[Hypothesis]:
    """Every variant of every trap that can make a difference under this plan."""
    return [hypothesis for trap in CATALOGUE.values() for hypothesis in trap.hypotheses(plan)]


__all__ = ["CATALOGUE", "Hypothesis", "Trap", "Words", "build", "get", "hypotheses", "mend", "record_trapped"]
