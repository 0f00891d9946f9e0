"""The relay: what is handed on is enough to go on from, and a checker that sees when it is not."""

from __future__ import annotations

import itertools
import math
import pickle
from pathlib import Path

import pandas as pd
import pytest

from compare import relay
from compare.ledger import jobs as ledger_jobs
from compare.ledger.processes import Event, Pool
from impls import mlp_numpy

NAMES = ["numpy", "torch", "keras"]
OK = Event("numpy", {}, "ok")


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """The folder of an adam relay which NumPy runs alone, in three stages."""
    folder = tmp_path_factory.mktemp("relay")
    (folder / "plan.pickle").write_bytes(pickle.dumps(relay.relay_plan("adam")))
    source = None
    for start in (0, 10, 20):
        target = str(folder / f"{start}.safetensors")
        job = {"plan": str(folder / "plan.pickle"), "source": source, "target": target, "start": start}
        relay.run_stage("numpy", job | {"stop": start + 10})
        source = target
    return folder


def test_all_orders_of_the_three_equal_the_uninterrupted_training(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(relay, "uninterrupted", lambda *_: pytest.fail("NumPy trains in a worker, where it may hang"))
    with Pool(NAMES, tmp_path, 1, 60) as pool:
        (rows,) = ledger_jobs.answered(
            [relay.run_relays(NAMES, tmp_path / "relay", optimizers=("adam", "momentum"))], pool
        )
    orders = [relay.ARROW.join(order) for order in itertools.permutations(NAMES)]
    assert list(rows["order"]) == orders * 2
    assert rows["equal"].all()
    assert relay.lost(rows) == relay.different(rows) == []
    assert (rows["difference"] < rows["bound"]).all()
    assert (rows["difference"] > 0).any()  # Three frameworks never round alike: somebody else did train.


def test_a_relay_alone_is_exactly_the_uninterrupted_training(finished) -> None:
    row = relay.judge(OK, finished / "20.safetensors", *relay.uninterrupted("adam"))
    assert row == {"difference": 0.0, "equal": True, "message": ""}


@pytest.mark.parametrize("tensor", ["params", "first_moment", "second_moment"])
@pytest.mark.parametrize("value", [1e-9, math.nan])
def test_a_change_in_any_tensor_is_seen(finished, tensor: str, value: float, monkeypatch) -> None:
    config, params, state = mlp_numpy.read_checkpoint(finished / "20.safetensors")
    changed = params if tensor == "params" else state[tensor]
    changed[1][0][2, 1] += value
    monkeypatch.setattr(mlp_numpy, "read_checkpoint", lambda path: (config, params, state))
    row = relay.judge(OK, finished / "20.safetensors", *relay.uninterrupted("adam"))
    assert not row["equal"]
    assert row["difference"] > relay.BOUND


def test_a_lost_step_count_a_broken_file_and_a_dead_worker_are_named(finished, tmp_path) -> None:
    expected = relay.uninterrupted("adam")
    row = relay.judge(OK, finished / "10.safetensors", *expected)
    assert (row["equal"], row["message"]) == (False, "the checkpoint counts 20 steps, expected 30")
    (tmp_path / "broken.safetensors").write_bytes((finished / "20.safetensors").read_bytes()[:200])
    row = relay.judge(OK, tmp_path / "broken.safetensors", *expected)
    assert not row["equal"]
    assert "is no sound checkpoint" in row["message"]
    row = relay.judge(Event("keras", {}, "killed", "exited with status 1"), tmp_path, *expected)
    assert (row["equal"], row["message"]) == (False, "keras: exited with status 1")
    assert math.isnan(row["difference"])


def test_what_was_lost_and_what_differs_is_said_apart() -> None:
    rows = pd.DataFrame(
        [
            ("sgd", "a → b", 1e-9, False, "", "b loads"),
            ("sgd", "b → a", math.nan, False, "b: killed", ""),
            ("adam", "a → b", 0.0, True, "", ""),
            ("adam", "a → c", math.inf, False, "counts 20 steps", "c loads"),
            ("adam", "b → c", 1e-3, False, "", "c loads"),
        ],
        columns=["optimizer", "order", "difference", "equal", "message", "fault"],
    )
    assert relay.different(rows) == [
        "relay of sgd: b loads wrongly, in 1 of 2 orders, off by up to 1.0e-09, first a → b",
        "relay of adam: c loads wrongly, in 2 of 3 orders, off by up to inf, first a → c",
    ]
    assert relay.lost(rows) == ["relay of sgd, b → a: b: killed"]


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES)), ids=relay.ARROW.join)
def test_the_first_wrong_part_says_whose_fault_it_is(order: tuple[str, ...]) -> None:
    """torch loads wrongly: right where it begins; torch trains wrongly: wrong from where it takes part."""
    if order[0] != "torch":
        assert relay.fault_of(order, lambda part: "torch" not in part[1:]) == "torch loads"
    assert relay.fault_of(order, lambda part: "torch" not in part) == "torch trains or saves"


def test_a_wrong_load_is_named_in_a_line_for_each_optimizer(tmp_path, monkeypatch) -> None:
    """Two NumPys, one of which loses the step count on the way: the lines end in what follows from them."""

    def jobs_done(jobs, *_):
        for job in jobs.values():
            relay.run_stage("numpy", job.work)
            if job.implementation == "torch" and job.work["source"]:
                config, params, state = mlp_numpy.read_checkpoint(job.work["target"])
                mlp_numpy.write_checkpoint(job.work["target"], config, params, state | {"step": state["step"] - 10})
        return {key: Event(job.implementation, job.work, "ok") for key, job in jobs.items()}

    monkeypatch.setattr(ledger_jobs, "run_jobs", jobs_done)
    part = relay.run_relays(["numpy", "torch"], tmp_path, optimizers=("adam",))
    (rows,) = ledger_jobs.answered([part], None)  # type: ignore[arg-type]
    assert relay.lost(rows) == []
    assert relay.different(rows) == [
        "relay of adam: torch loads wrongly, in 1 of 2 orders, off by up to inf, first numpy → torch"
    ]


def test_two_implementations_run_both_orders() -> None:
    jobs = relay._stages("sgd", ["numpy", "torch"], Path("there"))
    assert [key[1] for key in jobs] == [("numpy",), ("torch",), ("numpy", "torch"), ("torch", "numpy")]
    assert [(job.work["start"], job.work["stop"]) for job in jobs.values()] == [(0, 15)] * 2 + [(15, 30)] * 2
