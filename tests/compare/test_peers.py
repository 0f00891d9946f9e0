"""Peers that are timed where they are installed: found without being imported, and held against the reference."""

from __future__ import annotations

import argparse
import importlib.util
import sys
from pathlib import Path

import pytest

from compare.speed import arguments, campaign, contenders, gate, peers
from compare.speed.work import Work, of_size

FAKE = """
from impls import mlp_numpy

class MLP(mlp_numpy.MLP):
    def __init__(self, config, params):
        super().__init__(mlp_numpy.Config(**config | {CHANGED}), params)
"""


@pytest.fixture(params=[{}, {"learning_rate": 0.2}], ids=["equal", "other rate"])
def fake(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> bool:
    """A peer named fake, and whether it trains as the reference does."""
    (tmp_path / "fake_peer.py").write_text(FAKE.replace("{CHANGED}", repr(request.param)))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "fake_peer", raising=False)
    for table in (peers.MODULES, peers.WRITTEN):
        monkeypatch.setitem(table, "fake", "fake_peer")
    return not request.param


def test_a_peer_is_found_without_being_imported(fake: bool) -> None:
    assert peers.installed("fake")
    assert "fake_peer" not in sys.modules


def test_a_peer_is_timed_like_a_template_if_it_trains_alike(fake: bool) -> None:
    assert (gate.difference("fake", "fit", of_size("digits")) <= gate.BOUND) == fake
    runner = contenders.build(contenders.Contender("fake", "fit", ""), Work("small", (4, 3, 2), 8))
    assert all(seconds > 0 for seconds in runner.epochs(2))
    assert runner.predict(runner.x).shape == (len(runner.x),)


def test_one_that_is_missing_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert not peers.installed("jax")


@pytest.mark.parametrize("extras", [(), (contenders.Contender("jax", "fit", "jax"),)])
def test_extras_belong_to_a_run_that_is_there_for_timing(extras: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contenders, "EXTRAS", extras)
    monkeypatch.setattr(campaign, "EXTRAS", extras)
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+")
    arguments.add_arguments(parser)
    alone = arguments.chosen(parser.parse_args(["--only", "speed"]))
    assert alone.blocks[0].contenders == (*contenders.CONTENDERS, *extras)
    for block in arguments.chosen(parser.parse_args([])).blocks:
        assert not set(extras) & set(block.contenders)
    whole = arguments.chosen(parser.parse_args(["--speed-full"])).blocks
    assert set(extras) <= set(whole[0].contenders)


@pytest.mark.parametrize(
    ("name", "mode", "size", "optimizer"),
    [("jax", mode, *work) for mode in ("fit", "fast") for work in (("digits", "sgd"), ("tiny", "adam"))]
    + [("nerva-numpy", "fit", "digits", "sgd"), ("torch loop", "fit", "digits", "adam")]
    + [(f"{name} loop", "fit", size, "sgd") for name in ("numpy", "torch") for size in ("digits", "tiny")],
)
def test_an_installed_peer_passes_the_gate(name: str, mode: str, size: str, optimizer: str) -> None:
    if not peers.installed(name):
        pytest.skip(f"{name} is not installed: it is an extra")
    assert gate.difference(name, mode, of_size(size, optimizer=optimizer)) <= gate.BOUND


def test_nerva_says_what_it_has_not() -> None:
    if not peers.installed("nerva-numpy"):
        pytest.skip("nerva-numpy is not installed: it is an extra")
    work = of_size("digits", optimizer="adam")
    with pytest.raises(ValueError, match="nerva-numpy has no adam"):
        contenders.build(contenders.Contender("nerva-numpy", "fit", ""), work)
