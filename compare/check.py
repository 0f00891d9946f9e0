"""Does a model of your own equal the reference? If not: where it differs first, and why.

The file is a training script as it stands, or one that defines `candidate()`;
`--template torch|keras|numpy` prints one to start from.

What differs has a kind: a fault, a framework's default, or a convention (a sum or a mean, half or whole squares). Of
the last two, name with --accept what you mean to have: names of traps, or `defaults`, `conventions`.

Two scripts are held against each other in the same way; each may be given arguments of its own after `--`.

Exit status: 0 equal, or equal but for what is accepted; 1 it differs, be it in a default or a
convention, 2 bad usage or input, or a machine that cannot (a full disk), 3 the candidate crashed or hung.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from pathlib import Path

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Until the command sees to it: there is nothing to tidy up yet.

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # The project for this folder, so that the command works from anywhere, installed or not.

from compare.candidates.answer import ACCEPTABLE, Answer  # noqa: E402
from compare.candidates.hold import hold  # noqa: E402
from compare.candidates.process import Stopped  # noqa: E402
from compare.run.command import guarded  # noqa: E402
from compare.usage import Parser, UsageError, count_of, limit_of, path_of  # noqa: E402
from compare.watch.files import is_script  # noqa: E402

DTYPES = ("float64", "float32")
MOST_STEPS = 10_000  # of which every number is kept
STARTS = Path(__file__).parent / "candidates" / "starts"
FRAMEWORKS = ("torch", "keras", "numpy")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    p = Parser(prog="check.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument(
        "file", nargs="?", type=path_of, metavar="FILE", help="a training script, or a file that defines candidate()"
    )
    p.add_argument(
        "port", nargs="?", type=path_of, metavar="PORT", help="a training script to hold against FILE, another one"
    )
    p.add_argument("--scenario", metavar="NAME", help="data, options and start of a scenario (made for the model)")
    p.add_argument("--dtype", metavar="float64|float32", help="the precision (float64, or the one that the model has)")
    p.add_argument("--steps", type=count_of, default=50, metavar="N", help="training steps (50)")
    p.add_argument("--accept", nargs="+", action="extend", default=[], metavar="NAME", help="what may differ: names of "
                   "traps, defaults, conventions")  # fmt: skip
    p.add_argument("--json", type=path_of, metavar="FILE", help="write the whole answer to this file")
    p.add_argument("--html", type=path_of, metavar="FILE", help="two scripts: write a page with both side by side")
    p.add_argument(
        "--limit", type=limit_of, default=120.0, metavar="SECONDS", help="for the candidate's training (120)"
    )
    p.add_argument("--data", type=path_of, action="append", default=[], metavar="FILE", help="a script whose data "
                   "cannot be had: the file to take instead (twice: one for each script)")  # fmt: skip
    p.add_argument("--synthetic", nargs="?", const="yes", default="", metavar="768x9", help="a script whose data "
                   "cannot be had: numbers of its shapes and dtypes; of a table, its rows and columns")  # fmt: skip
    p.add_argument("--weights", action="append", default=[], metavar="W1,b1,...", help="the names of the weights in a "
                   "NumPy script (twice: of each script)")  # fmt: skip
    p.add_argument("--template", metavar="torch|keras|numpy", help="print a file to start from")
    return p


def main(argv: list[str] | None = None) -> int:
    """Run the command; the exit status."""
    return guarded("check.py", lambda: answered(argv))


def answered(argv: list[str] | None) -> int:
    """Do what the arguments ask for."""
    from compare.watch.asked import given_to, split

    own, *scripts = split(sys.argv[1:] if argv is None else argv)
    args = parser().parse_args(own)
    check_arguments(args)
    args.given = given_to(args, scripts)
    if args.template:
        print((STARTS / f"my_{args.template}_model.py").read_text(encoding="utf-8"), end="")
        return 0
    if args.port:
        from compare.pairs.command import run

        return run(args)
    asked = args.file, args.scenario, args.dtype, args.steps, args.limit
    try:
        if is_script(args.file):
            from compare.pairs.alone import hold_script

            answer = hold_script(*asked, args.given[0])
        else:
            answer = hold(*asked)
        answer.accept(args.accept)
    except Stopped as error:
        answer = Answer(str(args.file), args.dtype or "float64", error=str(error), exit=error.status)
    print(answer.text, file=sys.stderr if answer.error else sys.stdout)
    if args.json:
        write_whole(args.json.resolve(), json.dumps(answer.as_json(), indent=1))
    return answer.exit


def check_arguments(args: argparse.Namespace) -> None:
    """UsageError if they ask for what there is not."""
    from shared.names import unknown_name

    if args.template is not None:
        if args.template not in FRAMEWORKS:
            raise UsageError(str(unknown_name("template", args.template, FRAMEWORKS)))
        if args.file:
            raise UsageError(f"--template prints a file to start from and looks at none: leave out {args.file}")
        return
    if args.file is None:
        raise UsageError("no FILE is given: name one that defines candidate(); `--template torch` prints one")
    if not is_file(args.file):
        raise UsageError(f"{args.file} does not exist or is no file: name a Python file that defines candidate()")
    if args.port and not is_file(args.port):
        raise UsageError(f"{args.port} does not exist or is no file: name a script to hold against {args.file}")
    if args.dtype not in (None, *DTYPES):
        raise UsageError(str(unknown_name("dtype", args.dtype, DTYPES)))
    check_accepted(args.accept, bool(args.port))
    if not 2 <= args.steps <= MOST_STEPS:
        raise UsageError(f"--steps {args.steps} must be 2 or more, and at most {MOST_STEPS}")
    if args.json:
        for file in filter(None, (args.file, args.port)):
            check_json(args.json, file)
    if args.html and not args.port:
        raise UsageError("--html shows two scripts side by side: name a second one")
    if args.html and not os.access(args.html.resolve().parent, os.W_OK):
        raise UsageError(f"--html {args.html} cannot be written: name a file in a folder that can")


def is_file(path: Path) -> bool:
    """Whether there is a file of this name; False where the system takes it for none."""
    try:
        return path.is_file()
    except OSError:
        return False


def check_json(path: Path, candidate: Path) -> None:
    """UsageError unless the answer can be written there."""
    place = path.resolve()
    if not os.access(place.parent, os.W_OK) or not place.parent.is_dir():
        raise UsageError(f"--json {path} cannot be written: name a file in a folder that can")
    if (os.path.lexists(place) and not is_file(place)) or path.absolute().parts[1:2] in (("dev",), ("proc",)):
        raise UsageError(f"--json {path} cannot be written, since it is no file: name one")
    if place == candidate.resolve():
        raise UsageError(f"--json {path} is the file that is asked about: name another")


def check_accepted(names: list[str], scripts: bool) -> None:
    """UsageError for a name that is neither a kind's nor a trap's or, of two scripts, a finding's."""
    from compare.pairs.findings import NAMES
    from compare.traps.catalogue import CATALOGUE
    from shared.names import unknown_name

    for name in names:
        known = [*ACCEPTABLE, *([n for of in NAMES.values() for n in of] if scripts else CATALOGUE)]
        if name not in known:
            raise UsageError(str(unknown_name("name to accept", name, known)))


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())
