"""The networks that programs are written for: scenarios, recipes, and the pairwise covering of all options."""

from __future__ import annotations

from functools import cache

from compare.programs.spec import Spec, named, of_scenario
from shared.pairwise import generated
from shared.recipes import RECIPES
from shared.scenarios import SCENARIOS, Scenario

GROUPS = ("scenario", "recipe", "covering")


@cache
def covering() -> dict[str, Scenario]:
    """The generated scenarios by name."""
    return {scenario.name: scenario for scenario in generated()}


def networks() -> dict[str, str]:
    """The group of every network, by name."""
    recipes = [name for name in RECIPES if name not in SCENARIOS]
    names = dict(zip(GROUPS, (SCENARIOS, recipes, covering()), strict=True))
    return {name: group for group, each in names.items() for name in each}


def downloads(name: str) -> bool:
    """Whether the programs of this network download their data."""
    scenario = RECIPES[name].scenario if name in RECIPES else {**SCENARIOS, **covering()}[name]
    return scenario.dataset in ("mnist", "fashion-mnist")


def network(name: str) -> Spec:
    """What this network trains. Raises ValueError for a name that is none."""
    return of_scenario(covering()[name]) if name in covering() else named(name)


def runnable() -> list[Spec]:
    """Every network whose programs need no download."""
    return [network(name) for name in networks() if not downloads(name)]
