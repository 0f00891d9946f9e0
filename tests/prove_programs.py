"""Prove programs by the hundred: every scenario, every recipe and the pairwise covering of all options.

    python tests/prove_programs.py                                    # all of them, all frameworks, both forms
    python tests/prove_programs.py torch keras --form equal --steps 20
    python tests/prove_programs.py numpy --only xor wine --sample 10  # these, or 10 drawn from what is left

Each program is run and held against the reference as compare/write.py does it. One line for each that cannot be shown,
a summary at the end; exit status 1 if there was one.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from compare.programs.networks import runnable
from compare.programs.program import FORMS, FRAMEWORKS, program
from compare.programs.proof import STEPS, prove, watcher
from compare.programs.spec import Spec


def faults(framework: str, chosen: Sequence[Spec], forms: Sequence[str], steps: int) -> Iterator[tuple[str, str, str]]:
    """For each program of a framework: its network, its form, and what could not be shown, empty if all was."""
    left = [(spec, form) for spec in chosen for form in forms]
    while left:
        with watcher(framework) as by:  # A new process where a program ended the one before.
            while left and by.process.poll() is None:
                spec, form = left.pop(0)
                try:
                    written = program(framework, spec, form)
                    said = prove(written, by.observe(written, steps)).fault
                except Exception as error:
                    said = f"{type(error).__name__}: {error}"
                yield spec.name, form, " ".join(said.split())


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("framework", nargs="*", help=f"of {', '.join(FRAMEWORKS)}; all of them by default")
    parser.add_argument("--form", nargs="+", choices=FORMS, default=list(FORMS))
    parser.add_argument("--only", nargs="+", metavar="NAME", help="only these networks")
    parser.add_argument("--sample", type=int, metavar="N", help="only N networks, drawn by --seed")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=STEPS)
    args = parser.parse_args(given)
    if unknown := set(args.framework) - set(FRAMEWORKS):
        parser.error(f"no framework {', '.join(sorted(unknown))}: expected some of {', '.join(FRAMEWORKS)}")
    if args.steps < 1 or (args.sample is not None and args.sample < 1):
        parser.error("--steps and --sample must be 1 or more")
    chosen = runnable()
    if unknown := set(args.only or ()) - {spec.name for spec in chosen}:
        parser.error(f"no network {', '.join(sorted(unknown))} whose data are here")
    chosen = [spec for spec in chosen if spec.name in (args.only or [spec.name])]
    if args.sample is not None:
        chosen = random.Random(args.seed).sample(chosen, min(args.sample, len(chosen)))
    start, done, wrong = time.monotonic(), 0, 0
    for framework in args.framework or FRAMEWORKS:
        for name, form, fault in faults(framework, chosen, args.form, args.steps):
            done += 1
            wrong += bool(fault)
            if fault:
                print(f"{framework} {form} {name}: {fault}", flush=True)
    print(f"{done - wrong} of {done} programs shown, {len(chosen)} networks, in {time.monotonic() - start:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
