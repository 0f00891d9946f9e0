"""The section on what users call: fit, predict, save and the others, held against recorded steps."""

from __future__ import annotations

import pandas as pd

from compare.report.blocks import Block, Table
from compare.report.numbers import number, percent
from compare.report.results import Results

NOTE = (
    "Small networks with every option, each member called as a user calls it, one after the other, and held against "
    "what the same steps, made one by one by the reference, come to. A cell is the largest difference, over the "
    "largest entry, and the share of its bound that it used. Set, save and load have to give back every number to the "
    "bit; predict, loss and evaluate are called right after a training step. The fast fit of PyTorch runs uncompiled "
    "here; compiled, it is held against the reference where it is timed."
)


def calls(results: Results) -> list[Block]:
    """A row a call, a column an implementation; then every call that gave something else."""
    rows = results.tables["calls"]
    rows = rows.assign(failing=rows["equal"] != "True")
    names = results.in_order(rows["implementation"], results.implementations)
    shown, marks = [], []
    for call in dict.fromkeys(rows["call"]):
        of_call = [rows[(rows["call"] == call) & (rows["implementation"] == name)] for name in names]
        shown.append([call, *map(_cell, of_call)])
        marks.append([False, *(bool(part["failing"].any()) for part in of_call)])
    columns = ["call", *names]
    frame, failing = pd.DataFrame(shown, columns=columns), pd.DataFrame(marks, columns=columns)
    counts = ", ".join(f"{rows[rows['implementation'] == name]['case'].nunique()} in {name}" for name in names)
    blocks: list[Block] = [Table("What is called", frame, f"{NOTE} Networks: {counts}.", frozenset({"call"}), failing)]
    wrong = rows[rows["failing"]]
    if len(wrong):
        table = wrong[["implementation", "call", "case", "what", "found", "wanted"]].copy()
        table.loc[wrong["message"] != "", "what"] = wrong["message"]
        blocks.append(Table("What gave something else", table.reset_index(drop=True), "", frozenset(table.columns)))
    return blocks


def _cell(part: pd.DataFrame) -> str:
    if part.empty:
        return "not run"
    if (part["message"] != "").any():
        return "✗ did not finish"
    worst = part.loc[part["used"].idxmax()]
    return f"{'✗ ' * bool(part['failing'].any())}{number(worst['difference'])} · {percent(worst['used'])}"
