"""The sections on the relay and on the tutorials' recipes."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from compare.report.blocks import Block, Figure, Panel, Prose, Style, Table, Terms
from compare.report.figures import curves, styles_of
from compare.report.marks import Lines
from compare.report.numbers import number, percent
from compare.report.results import Results

HIGHEST = 12  # times its start: where the axis of a loss ends at most, since one that diverges goes beyond 1e200
WEIGHTS = {  # The recipe that starts from them; the two differ in nothing else.
    "xor-small-normal": "the NumPy article's, randn · 0.1",
    "xor-framework-default": "PyTorch's default",
}


def relay(results: Results) -> list[Block]:
    """A row an optimizer, a column an order."""
    rows = results.tables["relay"]
    cells = rows.assign(cell=rows.apply(_relay_cell, axis=1), failing=~_true(rows["equal"]))
    orders, optimizers = list(dict.fromkeys(rows["order"])), list(dict.fromkeys(rows["optimizer"]))

    def arranged(column: str) -> pd.DataFrame:
        return cells.pivot(index="optimizer", columns="order", values=column).loc[optimizers, orders]

    frame = arranged("cell").reset_index()
    failing = arranged("failing").fillna(True).reset_index().assign(optimizer=False)
    note = (
        "Each implementation trains its share of the steps, saves a checkpoint and hands it to the next. A cell is the "
        "largest difference of a parameter or optimizer slot at the end from one uninterrupted training in NumPy, "
        "float64, and the share of the bound that it used."
    )
    blocks: list[Block] = [Table("Handed on in every order", frame, note, frozenset({"optimizer"}), failing)]
    faults = rows["fault"] if "fault" in rows else [""] * len(rows)
    messages = {
        f"{r.optimizer}, {r.order}": "; ".join(filter(None, (fault and f"{fault} wrongly", r.message)))
        for r, fault in zip(rows.itertuples(), faults, strict=True)
        if fault or r.message
    }
    return [*blocks, Terms(messages)] if messages else blocks


def _relay_cell(row: pd.Series) -> str:
    if math.isnan(row["difference"]):
        return "✗ did not finish"
    mark = "" if row["equal"] == "True" else "✗ "
    return f"{mark}{number(row['difference'])} · {percent(row['difference'] / row['bound'])}"


def tutorials(results: Results) -> list[Block]:
    """What each article claims, and what was measured."""
    rows = results.tables["recipes"]
    rows = rows[rows["mistake"] == ""]
    if rows.empty:
        return []
    note = (
        "Loss before the first step → after the last, then the predictions of a network with one output or the "
        "accuracy on the test set; float64, each implementation on its own. “Same”: the verdicts agree, and so do the "
        "loss curves to 1e-6 of the highest loss; the figure is their largest difference."
    )
    blocks: list[Block] = [_recipe_table(results, rows, "Claim and measurement", note)]
    notes = {
        first.recipe: f"The claim holds when {first.criterion}. Initial weights: {first.weights}. {first.note}".strip()
        for first in rows.drop_duplicates("recipe").itertuples()
    }
    blocks += [*tutorial_curves(results), Terms(notes)]
    skipped = rows[rows["reason"] != ""].groupby(["recipe", "reason"], sort=False)["implementation"].agg(", ".join)
    if len(skipped):
        listed = "; ".join(f"{recipe} in {who} ({reason})" for (recipe, reason), who in skipped.items())
        blocks.append(Prose(f"Not trained: {listed}."))
    return blocks


def _recipe_table(results: Results, rows: pd.DataFrame, title: str, note: str) -> Table:
    implementations = results.in_order(rows["implementation"], results.implementations)
    lines, failing = [], []
    for name, group in rows.groupby("recipe", sort=False):
        done = group[group["reason"] == ""]
        cells = {row["implementation"]: _measured(row) for _, row in done.iterrows()}
        same = bool(_true(done["same"]).all())
        lines.append(
            {
                "recipe": name,
                "claim": group["claim"].iloc[0],
                "verdict": " / ".join(dict.fromkeys(map(_verdict, done["holds"]))) or "not trained",
                "same": f"{'yes' if same else '✗ no'} · {number(done['difference'].max())}" if len(done) > 1 else "–",
                **{who: cells.get(who, "–") for who in implementations},
            }
        )
        failing.append({**dict.fromkeys(lines[-1], False), "same": not same})
    words = frozenset({"recipe", "claim", "verdict", *implementations})
    return Table(title, pd.DataFrame(lines), note, words, pd.DataFrame(failing))


def _measured(row: pd.Series) -> str:
    """What one training came to: "0.25 → 0.00056 · 0.016 0.977 0.975 0.029"."""
    losses = f"{number(row['first_loss'])} → {number(row['final_loss'])}"
    if row["predictions"]:
        return f"{losses} · {' '.join(f'{float(p):.2f}' for p in row['predictions'].split())}"
    return losses if math.isnan(row["accuracy"]) else f"{losses} · {percent(row['accuracy'])}"


def _verdict(holds: str) -> str:
    return "holds" if holds == "True" else "does not hold"


def _true(column: pd.Series) -> pd.Series:
    return column == "True"


def initial_weights(results: Results) -> list[Block]:
    """The shares of seeds that learn XOR, and the cross-over."""
    rows = results.tables["recipe_seeds"]
    rows = rows.assign(learns=_true(rows["learns"]), agrees=_true(rows["confirms"]))
    recipes = results.tables["recipes"].drop_duplicates("recipe").set_index("recipe")
    lines, failing = [], []
    for name, group in rows.groupby("recipe", sort=False):
        own, others = group[group["implementation"] == "numpy"], group[group["implementation"] != "numpy"]
        shares = {int(epochs): f"{found['learns'].sum()} of {len(found)}" for epochs, found in own.groupby("epochs")}
        confirmed = [
            f"{who}: {found['agrees'].sum()} of {len(found)}"
            for who, found in others.groupby("implementation", sort=False)
        ]
        lines.append(
            {
                "recipe": name,
                "initial weights": recipes["weights"].get(name, "").removeprefix("np.random.seed(42): "),
                "epochs": f"{min(shares):,}",
                "seeds that learn": shares[min(shares)],
                f"after {max(shares):,} epochs": shares[max(shares)],
                "confirmed seeds": ", ".join(confirmed) or "–",
            }
        )
        failing.append({**dict.fromkeys(lines[-1], False), "confirmed seeds": not group["agrees"].all()})
    note = (
        "NumPy, from seeds 0 to 199 for the article's one seed. A network learned XOR when for each of the four points "
        "the prediction is within 0.25 of the target. “Confirmed”: how many of the seeds that another implementation "
        "trained as well, from the same weights, ended as in NumPy."
    )
    words = frozenset({"recipe", "initial weights", "confirmed seeds"})
    table = Table("How many of 200 seeds learn XOR", pd.DataFrame(lines), note, words, pd.DataFrame(failing))
    return [table, *_cross_over(results)]


def _cross_over(results: Results) -> list[Block]:
    """The two articles' initial weights in every implementation."""
    rows = results.tables["recipes"]
    rows = rows[rows["recipe"].isin(list(WEIGHTS)) & (rows["reason"] == "")]
    if rows.empty:
        return []
    frame = pd.DataFrame(
        [
            {
                "initial weights": WEIGHTS[str(name)],
                **{f"trained in {row['implementation']}": _learned(row) for _, row in group.iterrows()},
            }
            for name, group in rows.groupby("recipe", sort=False)
        ]
    ).fillna("–")
    note = (
        "One network (2-4-1, sigmoid), one loss, one learning rate, 10,000 epochs; only the initial weights and the "
        "implementation change. What differs along a row is the framework's doing, what differs down a column is the "
        "initialisation's."
    )
    return [Table("The cross-over", frame, note, frozenset(frame.columns))]


def _learned(row: pd.Series) -> str:
    return f"{'learns' if row['holds'] == 'True' else 'does not learn'} · loss {number(row['final_loss'])}"


def mistakes(results: Results) -> list[Block]:
    """The loss curves of each mistake next to the right way."""
    rows, losses = results.tables["recipes"], results.tables["recipe_curves"]
    wrong = rows[(rows["mistake"] != "") & (rows["reason"] == "")]
    blocks: list[Block] = []
    if len(wrong):
        note = "Loss before the first step → after the last, and the accuracy on the test set."
        blocks.append(_recipe_table(results, wrong, "What each mistake does", note))
    for place, (mistake, group) in enumerate(wrong.groupby("mistake", sort=False)):
        titles = dict(zip(group["recipe"], group["title"], strict=True))
        styles = {title: Style(f"series-{i + 1}", 1.8) for i, title in enumerate(titles.values())}
        found = losses[losses["recipe"].isin(list(titles))].assign(line=lambda r, t=titles: r["recipe"].map(t))
        panels = [
            Panel(who, _loss_curves(found[found["implementation"] == who], list(styles), "line"))
            for who in results.in_order(found["implementation"], results.implementations)
        ]
        note = "The loss over the training set. A line that leaves the panel goes far beyond it."
        blocks.append(Figure(f"mistake-{place + 1}", str(mistake).capitalize(), panels, note, styles))
    return blocks


def tutorial_curves(results: Results) -> list[Block]:
    """The tutorials' loss curves, the implementations on top of each other."""
    rows, losses = results.tables["recipes"], results.tables["recipe_curves"]
    told = dict.fromkeys(rows.loc[rows["mistake"] == "", "recipe"])
    names = [name for name in told if (losses["recipe"] == name).any()]
    if not names:
        return []
    styles = styles_of(results.in_order(losses["implementation"], results.implementations))
    panels = [
        Panel(name, _loss_curves(losses[losses["recipe"] == name], list(styles), "implementation")) for name in names
    ]
    note = "The loss over the training set. Where the lines coincide one sees dashes on a thin line "
    note += "on a broad one."
    return [Figure("recipes", "Loss of the recipes", panels, note, styles)]


def _loss_curves(rows: pd.DataFrame, names: list[str], key: str) -> Lines:
    """The loss over the steps, a line for each value of the column `key`."""
    finite = rows["loss"].where(np.isfinite(rows["loss"]))
    highest = HIGHEST * rows.loc[rows["step"] == 0, "loss"].max()
    top = 1.05 * min(finite.max(), highest)
    return curves(rows, key, names, "loss", "loss", floor=0.0, top=top if math.isfinite(top) and top > 0 else None)
