"""The relay: a training begun in one framework, handed on as a file, and finished in another.

Each implementation trains a third of the steps and saves a checkpoint, which the next one loads. The last checkpoint
must hold what one uninterrupted training in NumPy comes to, in float64, for every order of the implementations. Where
one does not, the checkpoints on the way say whose fault it is: the first that is wrong after one that is right.
"""

from __future__ import annotations

import importlib
import itertools
import math
import pickle
from collections.abc import Callable, Hashable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from compare.ledger import adapters
from compare.ledger.contract import Layers
from compare.ledger.jobs import Asking, Job, by_name
from compare.ledger.processes import Event
from impls import mlp_numpy
from shared import datasets
from shared.scenarios import Plan, Scenario, plan

if TYPE_CHECKING:
    import pandas as pd

OPTIMIZERS = ("sgd", "momentum", "adam", "adamw", "rmsprop")
BOUND = 1e-12  # of a tensor's largest entry: the ledger's gate in float64
STEPS = 30
ARROW = " → "  # between the implementations of an order, as the table writes it


def relay_plan(optimizer: str) -> Plan:
    """What every relay of this optimizer trains: 30 steps on iris, with weight decay where adamw decouples it."""
    options = {
        "loss": "softmax_cross_entropy",
        "activation": "tanh",
        "optimizer": optimizer,
        "learning_rate": 0.01,
        "weight_decay": 0.01 if optimizer == "adamw" else 0.0,
        "dtype": "float64",
    }
    scenario = Scenario(f"relay-{optimizer}", "handed on twice", "iris", (8,), options, "glorot_normal", epochs=8)
    full = plan(scenario, datasets.load("iris"))
    return Plan(scenario, full.dataset, full.config, full.params, full.steps[:STEPS])


def run_stage(implementation: str, job: dict[str, Any]) -> None:
    """A worker's part: from the checkpoint `source`, or from the plan's start, to the checkpoint `target`."""
    work: Plan = pickle.loads(Path(job["plan"]).read_bytes())
    if job["source"] is None:
        model: Any = adapters.build(implementation, work.config, work.params)
    else:
        model = importlib.import_module(f"impls.mlp_{implementation}").MLP.load(job["source"])
    for step in range(job["start"], job["stop"]):
        model.train_step(*work.batch(step))
    model.save(job["target"])


def run_relays(names: Sequence[str], folder: Path, optimizers: tuple[str, ...] = OPTIMIZERS) -> Asking[pd.DataFrame]:
    """Every order of the implementations with every optimizer; one row a relay.

    Columns: optimizer, order, difference (the largest of max|a - b| / max|reference| over all parameters and optimizer
    slots; infinite with another step count, NaN if it did not finish), bound, equal, message (why it did not finish, or
    the step count), fault (where it went wrong: "torch loads"). Checkpoints go into `folder`.
    """
    import pandas as pd  # Late: the workers, who need none, import this file too.

    jobs: dict[Hashable, Job] = {}
    for optimizer in optimizers:
        (folder / optimizer).mkdir(parents=True)
        (folder / optimizer / "plan.pickle").write_bytes(pickle.dumps(relay_plan(optimizer)))
        jobs |= _stages(optimizer, names, folder / optimizer)
        if "numpy" in names:  # In a worker, so that one that hangs or crashes does so there.
            jobs |= _references(optimizer, _cuts(len(names))[1:], folder / optimizer)
    events = yield jobs
    orders = list(itertools.permutations(names))
    rows = []
    for optimizer in optimizers:
        cuts = _cuts(len(names))[1:]
        references = [events.get((optimizer, cut)) for cut in cuts]
        failed = next((event for event in references if event and event.status != "ok"), None)
        expected = [] if failed else [reference(optimizer, cut, folder / optimizer) for cut in cuts]

        def judged(
            order: tuple[str, ...], optimizer: str = optimizer, failed: Event | None = failed, expected: list = expected
        ) -> dict[str, Any]:
            event = events[optimizer, order]
            if failed and event.status == "ok":
                message = f"the uninterrupted training in {failed.implementation}: {failed.message}"
                return {"difference": math.nan, "equal": False, "message": message}
            path = folder / optimizer / _file(order)
            return judge(event, path, *(expected[len(order) - 1] if expected else ([], {})))

        for order in orders:
            found = judged(order)
            fault = (
                ""
                if found["equal"] or math.isnan(found["difference"])
                else fault_of(order, lambda part: judged(part)["equal"])
            )
            rows.append({"optimizer": optimizer, "order": ARROW.join(order), "bound": BOUND, **found, "fault": fault})
    return pd.DataFrame(rows, columns=["optimizer", "order", "difference", "bound", "equal", "message", "fault"])


def fault_of(order: tuple[str, ...], is_right: Callable[[tuple[str, ...]], bool]) -> str:
    """Whose part in a relay that came to something else was wrong first, and which: training and saving, or loading.

    `is_right` says of the beginning of an order whether its checkpoint is what it should be. An implementation that
    begins well by itself, and not with the file of another one that was right, loads wrongly.
    """
    wrong = next(order[:length] for length in range(1, len(order) + 1) if not is_right(order[:length]))
    name = wrong[-1]
    return f"{name} loads" if len(wrong) > 1 and is_right((name,)) else f"{name} trains or saves"


def lost(rows: pd.DataFrame) -> list[str]:
    """The relays that did not finish, a line each."""
    gone = rows[rows["difference"].isna()]
    return [f"relay of {r.optimizer}, {r.order}: {r.message}" for r in gone.itertuples()]


def different(rows: pd.DataFrame) -> list[str]:
    """What follows from the relays that came to something else: a line for each fault and optimizer."""
    wrong = rows[~rows["equal"].astype(bool) & rows["difference"].notna()]
    orders = rows["optimizer"].value_counts()
    return [
        f"relay of {optimizer}: {fault} wrongly, in {len(group)} of {orders[optimizer]} orders, "
        f"off by up to {group['difference'].max():.1e}, first {group['order'].iloc[0]}"
        for (optimizer, fault), group in wrong.groupby(["optimizer", "fault"], sort=False)
    ]


def _stages(optimizer: str, names: Sequence[str], folder: Path) -> dict[Hashable, Job]:
    """The jobs of one optimizer. Orders that begin alike share their first stages, so 15 jobs make six relays."""
    jobs: dict[Hashable, Job] = {}
    cuts = _cuts(len(names))
    for length in range(1, len(names) + 1):
        for order in itertools.permutations(names, length):
            before = order[:-1]
            work = {
                "do": by_name(run_stage),
                "scenario": f"relay of {optimizer}",
                "plan": str(folder / "plan.pickle"),
                "source": str(folder / _file(before)) if before else None,
                "target": str(folder / _file(order)),
                "start": cuts[length - 1],
                "stop": cuts[length],
            }
            jobs[optimizer, order] = Job(order[-1], work, (optimizer, before) if before else None)
    return jobs


def _references(optimizer: str, cuts: list[int], folder: Path) -> dict[Hashable, Job]:
    """The jobs that train without interruption up to each of these steps."""
    work: dict[str, Any] = {"do": by_name(run_stage), "scenario": f"relay of {optimizer}", "source": None, "start": 0}
    work["plan"] = str(folder / "plan.pickle")
    return {
        (optimizer, cut): Job("numpy", work | {"stop": cut, "target": str(folder / f"{cut}.safetensors")})
        for cut in cuts
    }


def reference(optimizer: str, steps: int, folder: Path) -> tuple[Layers, dict[str, Any]]:
    """Parameters and state after an uninterrupted training: from the worker's checkpoint, or trained here."""
    path = folder / f"{steps}.safetensors"
    return mlp_numpy.read_checkpoint(path)[1:] if path.exists() else uninterrupted(optimizer, steps)


def _cuts(implementations: int) -> list[int]:
    """The steps at which the training is handed on, with its beginning and end."""
    return [round(STEPS * i / implementations) for i in range(implementations + 1)]


def _file(order: tuple[str, ...]) -> str:
    return "-".join(order) + ".safetensors"


def uninterrupted(optimizer: str, steps: int = STEPS) -> tuple[Layers, dict[str, Any]]:
    """Parameters and state after one training in NumPy, of so many steps."""
    work = relay_plan(optimizer)
    model = adapters.build("numpy", work.config, work.params)
    for step in range(steps):
        model.train_step(*work.batch(step))
    return model.params, model.state


def judge(event: Event, path: Path, parameters: Layers, state: dict[str, Any]) -> dict[str, Any]:
    """How far the last checkpoint of a relay is from the uninterrupted training."""
    if event.status != "ok":
        return {"difference": math.nan, "equal": False, "message": f"{event.implementation}: {event.message}"}
    try:
        _, found, found_state = mlp_numpy.read_checkpoint(path)
    except ValueError as error:
        return {"difference": math.nan, "equal": False, "message": str(error)}
    if found_state["step"] != state["step"]:
        message = f"the checkpoint counts {found_state['step']} steps, expected {state['step']}"
        return {"difference": math.inf, "equal": False, "message": message}
    pairs = [(found, parameters), *((found_state[name], state[name]) for name in state if name != "step")]
    difference = max(_difference(a, b) for pair in pairs for a, b in zip(*map(_tensors, pair), strict=True))
    return {"difference": difference, "equal": bool(difference <= BOUND), "message": ""}


def _tensors(layers: Layers) -> list[np.ndarray]:
    return [tensor for layer in layers for tensor in layer]


def _difference(a: np.ndarray, reference: np.ndarray) -> float:
    """max|a - reference| / max|reference|; infinite where either holds a NaN, which max() would pass over."""
    difference = float(np.abs(a - reference).max() / np.abs(reference).max())
    return difference if math.isfinite(difference) else math.inf
