"""The command's arguments about speed, checked."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from compare.usage import SEVERAL, path_of
from shared.names import unknown_name

if TYPE_CHECKING:
    from compare.speed.baseline import Baseline
    from compare.speed.campaign import Block
    from compare.speed.contenders import Contender

DEFAULT_SIZES = ("tiny", "digits", "mnist")
QUICK_SIZES = ("digits",)


@dataclass(frozen=True)
class Chosen:
    """What the arguments ask for."""

    blocks: list[Block]
    baseline: Baseline | None
    resumable: bool  # whether an interrupted run goes on where it was
    stacks: bool  # whether many networks are timed as one stack, too


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options about speed."""
    group = parser.add_argument_group("speed")
    group.add_argument(
        "--speed-sizes",
        **SEVERAL,
        metavar="NAME",
        help="what to time: tiny, digits, mnist (the default), wide",
    )
    group.add_argument(
        "--threads",
        **SEVERAL,
        metavar="N",
        help="threads of each implementation while it is timed (1; with --only speed also all); several: each",
    )
    group.add_argument(
        "--speed-full",
        action="store_true",
        help="the whole campaign: all sizes, one thread and all, sgd and Adam, curves, the map; at most 20 minutes, "
        "and an interrupted one goes on",
    )
    group.add_argument(
        "--baseline", type=path_of, metavar="results.json", help="compare the times with an earlier run's"
    )


def given(args: argparse.Namespace) -> dict[str, object]:
    """What was given of these options."""
    names = ("speed_sizes", "threads", "speed_full", "baseline")
    return {f"--{name.replace('_', '-')}": getattr(args, name) for name in names}


def chosen(args: argparse.Namespace, quick: bool = False) -> Chosen:
    """Check the options; ValueError, in one line, if they ask for what is not there."""
    threads = thread_counts(args.threads)
    names = size_names(args.speed_sizes)
    baseline = None
    if args.baseline:
        from compare.speed.baseline import read

        baseline = read(args.baseline)
    from compare.speed import campaign
    from compare.speed.contenders import CONTENDERS, EVERYDAY, EXTRAS, PLAIN

    alone = list(getattr(args, "only", None) or ()) == ["speed"]
    one_and_all = sorted({1, os.cpu_count() or 1})
    if args.speed_full:
        blocks = campaign.full(names or tuple(_sizes()), threads or one_and_all)
    else:
        amount = campaign.QUICK if quick else campaign.ALONE if alone else campaign.DEFAULT
        contenders = (*CONTENDERS, *EXTRAS) if alone else PLAIN if quick else EVERYDAY
        sizes = names or (QUICK_SIZES if quick else DEFAULT_SIZES)
        counts = threads or (one_and_all if alone else [1])
        blocks = campaign.sizes(sizes, counts, amount, contenders)
    blocks = [replace(block, contenders=of(getattr(args, "impl", None), block.contenders)) for block in blocks]
    return Chosen(blocks, baseline, args.speed_full, alone or args.speed_full)


def of(implementations: Sequence[str] | None, contenders: Sequence[Contender]) -> tuple[Contender, ...]:
    """Those of the contenders that are asked for; the reference, its controls and the peers are always."""
    from compare.ledger.adapters import IMPLEMENTATIONS
    from compare.speed.contenders import REFERENCE

    left_out = set(IMPLEMENTATIONS) - {REFERENCE.implementation, *(implementations or IMPLEMENTATIONS)}
    return tuple(contender for contender in contenders if contender.implementation not in left_out)


def _sizes() -> Sequence[str]:
    from compare.speed.work import SIZES

    return list(SIZES)


def size_names(names: Sequence[str] | None) -> list[str]:
    """The sizes that are named, each once; ValueError for one that is unknown."""
    for name in names or ():
        if name not in _sizes():
            raise unknown_name("size", name, _sizes())
    return list(dict.fromkeys(names or ()))


def thread_counts(counts: Sequence[str] | None) -> list[int]:
    """The numbers of threads, each once; ValueError unless they are whole and from 1 to the machine's cores."""
    cores = os.cpu_count() or 1
    found = []
    for text in counts or ():
        if not (text.isascii() and text.isdigit() and len(text) < 10) or not 1 <= int(text) <= cores:
            raise ValueError(f"--threads {text} must be a whole number from 1 to {cores}, this machine's cores")
        found.append(int(text))
    return list(dict.fromkeys(found))
