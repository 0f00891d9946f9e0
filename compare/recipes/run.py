"""The recipes in every implementation, judged: does the claim hold, and is it the same in all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from compare.ledger.jobs import Asking, Job, by_name
from compare.ledger.processes import Event
from compare.recipes import train
from compare.recipes.seeds import seed_jobs, seed_table, seed_trainings
from compare.run.executors import UnderWay, opened
from shared import recipes
from shared.recipes import Outcome, Recipe

AGREEMENT = 1e-6  # the largest difference of two loss curves, as a share of the highest loss, that is called the same
MOST_STEPS = {"keras": 2_000}  # of a recipe, in the default run; Keras takes about a millisecond for each


@dataclass(frozen=True, eq=False)
class Findings:
    """The tables of the recipes, named as their files: recipes, recipe_curves and recipe_seeds."""

    tables: dict[str, pd.DataFrame]

    @property
    def lost(self) -> list[str]:
        """Trainings that did not finish, a line each."""
        rows = self.tables["recipes"]
        return [f"{r.recipe}: {r.implementation} {r.reason}" for r in rows.itertuples() if r.reason.startswith(LOST)]

    @property
    def different(self) -> list[str]:
        """What says that the implementations are not the same network, a line each."""
        rows, seeds = self.tables["recipes"], self.tables["recipe_seeds"]
        trained = rows[rows["reason"] == ""]
        names = dict.fromkeys(trained.loc[~trained["same"].astype(bool), "recipe"])
        doubtful = seeds[~seeds["confirms"].astype(bool)]
        return [
            *(f"{name} is not the same in all" for name in names),
            *(f"{r.recipe}, seed {r.seed}: {r.implementation} says otherwise" for r in doubtful.itertuples()),
        ]


LOST = "did not finish"


def run_recipes(
    implementations: Sequence[str], names: Sequence[str] | None = None, executor: Executor | None = None
) -> Asking[Findings]:
    """Train these recipes in every implementation, to their full length.

    Without names all of them, for the default run: what is left out there, because it takes too long or its data is
    missing, has a row with the reason. For the XOR recipes among them 200 seeds are trained as well, on `executor`, by
    default a process for every core.
    Raises ValueError for a name that does not exist.
    """
    chosen = [recipes.get(name) for name in names] if names is not None else list(recipes.RECIPES.values())
    most_steps = MOST_STEPS if names is None else {}
    reasons = {(r.name, who): reason_to_skip(r, who, names is None) for r in chosen for who in implementations}
    jobs: dict[tuple[str, ...], Job] = {
        key: Job(key[1], {"do": by_name(train.run), "scenario": key[0], "recipe": key[0], "seed": None})
        for key, reason in reasons.items()
        if not reason
    }
    xor = [recipe.name for recipe in chosen if recipe.name in recipes.XOR_RECIPES]
    seeds = seed_jobs(xor, implementations, most_steps)
    with opened(executor) as elsewhere:
        under_way = UnderWay(seed_trainings(xor) if "numpy" in implementations else [], elsewhere)
        events = yield jobs | seeds
        trained = [row for rows in under_way.results() for row in rows]
    rows = [row for recipe in chosen for row in judged(recipe, reasons, events)]
    return Findings(
        {
            "recipes": pd.DataFrame(rows, columns=_COLUMNS),
            "recipe_curves": curves([events[key] for key in jobs]),
            "recipe_seeds": seed_table(
                trained, [events[key] for key in (*seeds, *jobs) if key in seeds or key[0] in xor]
            ),
        }
    )


_COLUMNS = [
    *("recipe", "title", "mistake", "dataset", "weights", "claim", "criterion", "note", "implementation"),
    *("first_loss", "final_loss", "accuracy", "predictions", "holds", "difference", "same", "seconds", "reason"),
]


def reason_to_skip(recipe: Recipe, implementation: str, default_run: bool) -> str:
    """Why a recipe is not trained; empty if it is."""
    scenario = recipe.scenario
    if why := recipes.unavailable(recipe):
        return why
    if default_run and scenario.dataset == "mnist":
        return f"not in the default run: --recipe {recipe.name} trains it"
    steps = scenario.epochs if scenario.batch_size is None else 0  # Recipes with mini-batches have few.
    if default_run and steps > MOST_STEPS.get(implementation, math.inf):
        return f"{steps:,} steps are too many for the default run: --recipe {recipe.name} trains it"
    return ""


def judged(
    recipe: Recipe, reasons: dict[tuple[str, str], str], events: dict[tuple[str, ...], Event]
) -> list[dict[str, Any]]:
    """A row for each implementation; the first that finished is the reference of the others."""
    about = {
        "recipe": recipe.name,
        "title": recipe.scenario.title,
        "mistake": recipe.mistake,
        "dataset": recipe.scenario.dataset,
        "weights": recipe.weights,
        "claim": recipe.claim,
        "criterion": recipe.criterion.words,
        "note": recipe.note,
    }
    rows, reference = [], None
    for (name, implementation), reason in reasons.items():
        if name != recipe.name:
            continue
        row = {**about, "implementation": implementation, "reason": reason}
        event = events.get((name, implementation))
        if event is not None and event.status != "ok":
            row["reason"] = f"{LOST}: {event.message}"
        elif event is not None:
            outcome = Outcome(**event.result)
            reference = reference or outcome
            row |= measured(recipe, outcome, reference) | {"seconds": event.seconds}
        rows.append(row)
    return rows


def measured(recipe: Recipe, outcome: Outcome, reference: Outcome) -> dict[str, Any]:
    """The columns on what one training came to, next to the reference's."""
    difference = curve_difference(outcome.losses, reference.losses)
    holds = recipe.criterion.holds(outcome)
    return {
        "first_loss": outcome.first_loss,
        "final_loss": outcome.final_loss,
        "accuracy": outcome.accuracy,
        "predictions": " ".join(f"{p:.4g}" for p in outcome.predictions),
        "holds": holds,
        "difference": difference,
        "same": difference <= AGREEMENT and holds == recipe.criterion.holds(reference),
    }


def curve_difference(losses: list[float], reference: list[float]) -> float:
    """The largest |a - b| over the reference's highest finite loss; infinite where only one of them is finite."""
    a, b = np.array(losses), np.array(reference)
    finite = np.isfinite(b)
    if a.shape != b.shape or (np.isfinite(a) != finite).any():
        return math.inf
    largest = float(np.abs(a[finite] - b[finite]).max(initial=0.0))
    return largest / float(np.abs(b[finite]).max()) if largest else 0.0


def curves(events: Sequence[Event]) -> pd.DataFrame:
    """The loss of each training, over its steps."""
    frames = [
        pd.DataFrame({"step": event.result["steps"], "loss": event.result["losses"]}).assign(
            recipe=event.job["recipe"], implementation=event.implementation
        )
        for event in events
        if event.status == "ok" and event.job is not None
    ]
    columns = ["recipe", "implementation", "step", "loss"]
    return pd.concat(frames)[columns] if frames else pd.DataFrame(columns=columns)
