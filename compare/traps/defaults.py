"""The frameworks' defaults, read from the installed versions, and the guide made of them and the catalogue."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import numpy as np
import pandas as pd

from compare.ledger.jobs import Asking, Job, by_name
from compare.ledger.trace import Trace
from compare.traps.catalogue import CATALOGUE, Hypothesis, Words, mend, record_trapped
from compare.traps.scenarios import SCENARIOS, shortened
from impls.mlp_numpy import Config
from shared import datasets
from shared.scenarios import Plan, Scenario, plan

SIZE_STEPS = 200
GUIDE_CONFIG = Config((64, 32, 10), loss="softmax_cross_entropy", optimizer="adam", weight_decay=0.01, clip_norm=1.0)

# What is read: a name, and where each framework has it, as (class or function, parameter).
_OPTIMIZERS = {
    "SGD": {"learning rate": ("lr", "learning_rate"), "momentum": ("momentum", "momentum")},
    "Adam": {
        "learning rate": ("lr", "learning_rate"),
        "epsilon": ("eps", "epsilon"),
        "weight decay": ("weight_decay", "weight_decay"),
    },
    "AdamW": {
        "learning rate": ("lr", "learning_rate"),
        "epsilon": ("eps", "epsilon"),
        "weight decay": ("weight_decay", "weight_decay"),
    },
    "RMSprop": {
        "learning rate": ("lr", "learning_rate"),
        "decay": ("alpha", "rho"),
        "epsilon": ("eps", "epsilon"),
    },
    "Adagrad": {
        "learning rate": ("lr", "learning_rate"),
        "first sum of squares": ("initial_accumulator_value", "initial_accumulator_value"),
        "epsilon": ("eps", "epsilon"),
    },
}


def live_defaults() -> pd.DataFrame:
    """The defaults of the installed frameworks by inspection: columns what, torch, keras, same; versions in attrs."""
    import keras
    import torch
    from torch import nn

    def of(thing: Callable, parameter: str) -> Any:
        value = inspect.signature(thing).parameters[parameter].default
        return "none" if value is inspect.Parameter.empty else value

    rows = [
        (f"{name}: {what}", of(getattr(torch.optim, name), one), of(getattr(keras.optimizers, name), other))
        for name, parameters in _OPTIMIZERS.items()
        for what, (one, other) in parameters.items()
    ]
    layers = keras.layers
    rows += [
        ("batch normalisation: epsilon", of(nn.BatchNorm1d, "eps"), of(layers.BatchNormalization, "epsilon")),
        (
            "batch normalisation: weight of a new batch",
            of(nn.BatchNorm1d, "momentum"),
            round(1 - of(layers.BatchNormalization, "momentum"), 12),
        ),
        ("layer normalisation: epsilon", of(nn.LayerNorm, "eps"), of(layers.LayerNormalization, "epsilon")),
        ("leaky ReLU, layer: slope", of(nn.LeakyReLU, "negative_slope"), of(layers.LeakyReLU, "negative_slope")),
        (
            "leaky ReLU, function: slope",
            of(nn.functional.leaky_relu, "negative_slope"),
            of(keras.activations.leaky_relu, "negative_slope"),
        ),
        ("GELU: approximate", of(nn.GELU, "approximate") != "none", of(keras.activations.gelu, "approximate")),
        ("cross-entropy: expects logits", True, of(keras.losses.SparseCategoricalCrossentropy, "from_logits")),
        ("binary accuracy: threshold", "none", of(keras.metrics.BinaryAccuracy, "threshold")),
        ("batches: size", of(torch.utils.data.DataLoader, "batch_size"), 32),
        ("batches: shuffled", bool(of(torch.utils.data.DataLoader, "shuffle")), of(keras.Model.fit, "shuffle")),
        ("batches: last partial one dropped", of(torch.utils.data.DataLoader, "drop_last"), False),
        ("dense layer: initial weights", "uniform, 1 / sqrt(in)", str(of(layers.Dense, "kernel_initializer"))),
        ("dense layer: initial biases", "uniform, 1 / sqrt(in)", str(of(layers.Dense, "bias_initializer"))),
    ]
    table = pd.DataFrame(rows, columns=["what", "torch", "keras"])
    table["same"] = [one == other for one, other in zip(table["torch"], table["keras"], strict=True)]
    table.attrs = {name: version(name) for name in ("torch", "keras", "tensorflow")}
    return table


def digits_plan(home: Scenario) -> Plan:
    """200 steps of digits, with a scenario's options and initial weights.

    There are three hidden layers where the scenario has more than one, so that two have one shape.
    A regression learns the digit itself, standardised, and a binary loss whether it is below 5.
    """
    data, options = datasets.load("digits"), dict(home.options)
    if options["loss"] == "binary_cross_entropy":
        below = [(y < 5).astype(np.int64) for y in (data.y_train, data.y_test)]
        data = replace(data, task="binary", y_train=below[0], y_test=below[1], classes=("5 to 9", "0 to 4"))
    elif options["loss"] != "softmax_cross_entropy":
        y_train, y_test, scaling = datasets.standardise_target(data.y_train, data.y_test, data.scaling)
        data = replace(data, task="regression", y_train=y_train, y_test=y_test, classes=(), scaling=scaling)
    elif "class_weights" in options:
        options["class_weights"] = tuple(float(1 + k % 3) for k in range(len(data.classes)))
    hidden = (32,) if len(home.hidden) == 1 else (32, 32, 32)
    scenario = replace(home, name=f"digits with {home.name}", dataset="digits", hidden=hidden, options=options)
    return shortened(plan(replace(scenario, epochs=5, batch_size=32), data), SIZE_STEPS)


MEASURED = ("weights", "losses", "outputs", "predictions")


def sizes() -> pd.DataFrame:
    """What each trap does in 200 steps of digits: columns trap, variant, options, and those of MEASURED.

    `options` names the scenario whose options were needed for the trap to apply. The figures are the largest difference
    of a weight at the end, of a loss, and of an output for the test set at the end, over the largest of each; and the
    share of the test set that is predicted otherwise. Of a trap, the first variant and scenario with a difference above
    rounding.
    """
    plans = {home.name: digits_plan(home) for home in SCENARIOS.values()}
    clean = {name: record_trapped((), given, "float64", whole=False) for name, given in plans.items()}
    rows = []
    for trap in CATALOGUE.values():
        found = (
            (hypothesis.variant, name, _sizes(clean[name], hypothesis, plans[name]))
            for name in plans
            for hypothesis in trap.hypotheses(plans[name])
        )
        variant, name, figures = next((row for row in found if max(row[2]) > 1e-12), ("", "", [0.0] * len(MEASURED)))
        rows.append((trap.name, variant, name, *figures))
    return pd.DataFrame(rows, columns=["trap", "variant", "options", *MEASURED])


def _sizes(clean: Trace, hypothesis: Hypothesis, plan: Plan) -> list[float]:
    trapped = record_trapped((hypothesis,), plan, "float64", whole=False)
    pairs = [(clean.params[-1], trapped.params[-1]), (clean.losses, trapped.losses), (clean.outputs, trapped.outputs)]
    with np.errstate(all="ignore"):
        found = [float(np.abs(a - b).max() / np.abs(a).max()) for a, b in pairs]
    found.append(float(np.mean(clean.predictions != trapped.predictions)) if plan.dataset.classes else 0.0)
    return [value if np.isfinite(value) else np.inf for value in found]


THEMES = {
    "activation": "The activations",
    "network": "The network",
    "regularisation": "Dropout and batch normalisation",
    "loss": "The loss",
    "gradient": "The way back, written by hand",
    "optimizer": "The optimizer",
    "decay": "Weight decay and penalties",
    "clipping": "Clipping",
    "rate": "The learning rate",
    "training": "Data, order, loop, precision",
}


def traps_page(table: pd.DataFrame | None = None, defaults: pd.DataFrame | None = None) -> str:
    """The guide in Markdown: the installed frameworks' defaults, then every trap of the catalogue with its size.

    `table` is what `sizes` gives and `defaults` what `live_defaults` gives; without them they are computed.
    """
    table = sizes() if table is None else table
    defaults = live_defaults() if defaults is None else defaults
    versions = ", ".join(f"{name} {number}" for name, number in defaults.attrs.items())
    lines = [
        '# Where two "same" networks differ',
        "",
        f"{len(CATALOGUE)} known ways, each of which the harness catches and can name. The size of each was measured "
        f"with the NumPy reference in float64 after {SIZE_STEPS} steps of digits: the largest difference of a weight "
        "at the end, of a loss on the way and of an output at the end, over the largest weight, loss and output, and "
        "the share of the test set that is predicted otherwise. The values in a line of code belong to an example.",
        "",
        "## The same call with another default",
        "",
        f"Read from the installed versions: {versions}.",
        "",
        "| | PyTorch | Keras |",
        "|---|---|---|",
        *(f"| {row.what} | {_cell(row.torch)} | {_cell(row.keras)} |" for row in defaults.itertuples() if not row.same),
        "",
    ]
    for heading, rows in guide(table).groupby("theme", sort=False):
        lines += [f"## {heading}", ""]
        for row in rows.itertuples():
            lines += _entry(row)
    return "\n".join(lines)


def guide(table: pd.DataFrame) -> pd.DataFrame:
    """The catalogue as a table, in the page's order: columns theme, trap, title, why, measured, size (of a weight),
    torch, keras, source.

    `table` is what `sizes` gives.
    """
    size = {row.trap: row for row in table.itertuples()}
    return pd.DataFrame(
        [
            {
                "theme": heading,
                "trap": trap.name,
                "title": trap.title,
                "why": trap.why,
                "measured": _size_in_words(size[trap.name]),
                "size": size[trap.name].weights if size[trap.name].options else np.nan,
                "torch": mend(trap, "torch", GUIDE_CONFIG),
                "keras": mend(trap, "keras", GUIDE_CONFIG),
                "source": trap.source,
            }
            for theme, heading in THEMES.items()
            for trap in CATALOGUE.values()
            if trap.theme == theme
        ]
    )


def measured(implementation: str, job: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """A worker's part: the rows of the tables ``traps`` and ``defaults``."""
    return {"traps": guide(sizes()).to_dict("records"), "defaults": live_defaults().to_dict("records")}


def run_guide(names: Sequence[str]) -> Asking[tuple[dict[str, pd.DataFrame], str]]:
    """The tables ``traps`` and ``defaults`` of a report, made by one worker, and why there are none, or ""."""
    if not names:
        yield {}
        return {}, "no implementation is running"
    event = (yield {"guide": Job(names[0], {"do": by_name(measured)})})["guide"]
    if event.status != "ok":
        return {}, event.message
    return {name: pd.DataFrame(rows) for name, rows in event.result.items()}, ""


def _size_in_words(size: Any) -> str:
    if not size.options:
        return "none on digits"
    figures = [f"{name} {getattr(size, name):.1e}" for name in MEASURED[:-1]]
    measured = ", ".join([*figures, f"{size.predictions:.1%} predicted otherwise"]).replace("inf", "not finite")
    return f"{size.variant}: {measured}" if size.variant else measured


def _entry(row: Any) -> list[str]:
    variants = "; ".join(variant for variant in CATALOGUE[row.trap].variants if variant)
    return [
        f"### {row.trap}",
        "",
        f"{row.title}.",
        "",
        f"- Why: {row.why}",
        *([f"- Variants: {variants}"] if variants else []),
        f"- Size: {row.measured}",
        f"- In PyTorch: {_line(row, 'torch')}",
        f"- In Keras: {_line(row, 'keras')}",
        f"- Source: {row.source}",
        "",
    ]


def _line(row: Any, framework: str) -> str:
    """A mend as code, or in words."""
    text = getattr(row, framework)
    return text if isinstance(getattr(CATALOGUE[row.trap], framework), Words) else f"`{text}`"


def _cell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
