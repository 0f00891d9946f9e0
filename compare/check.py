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
import pickle
import re
import signal
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Until the command sees to it: there is nothing to tidy up yet.

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # The project for this folder, so that the command works from anywhere, installed or not.

from compare.candidates.process import Process, Stopped  # noqa: E402
from compare.run.command import guarded  # noqa: E402
from compare.run.scratch import scratch  # noqa: E402
from compare.usage import Parser, UsageError, count_of, limit_of, one_line, path_of  # noqa: E402

if TYPE_CHECKING:
    from compare.ledger.parity import Comparison
    from compare.ledger.trace import Trace
    from compare.traps.diagnose import Diagnosis
    from compare.watch.recording import Recording
    from compare.watch.supplied import Supply
    from shared.scenarios import Plan

DTYPES = ("float64", "float32")
MOST_STEPS = 10_000  # of which every number is kept
STARTS = Path(__file__).parent / "candidates" / "starts"
FRAMEWORKS = ("torch", "keras", "numpy")
ACCEPTABLE = {"defaults": "default", "conventions": "convention"}  # kinds of findings, by the name for all of a kind


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
    try:
        answer = check(args.file, args.scenario, args.dtype, args.steps, args.limit, args.given[0])
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


@dataclass
class Answer:
    """What is known of a candidate at the end; `as_json` documents the keys of --json."""

    file: str
    dtype: str
    title: str = ""
    framework: str = ""
    plan: Plan | None = None
    data: str = ""
    notes: list[str] = field(default_factory=list)
    blind: list[str] = field(default_factory=list)
    comparisons: list[Comparison] = field(default_factory=list)
    equal_on: list[str] = field(default_factory=list)  # the scenarios before this one, where there are several
    diagnosis: Diagnosis | None = None
    explanation: str = ""
    but_for: str = ""  # where no cause is a fault, the verdict in a sentence
    accepted: bool = False
    error: str = ""
    exit: int = 0

    def accept(self, names: list[str]) -> None:
        """Let what is known of the difference be as it is, if all of it is named: a trap's name, or that of its kind.

        A fault has to be named itself.
        """
        kinds = {ACCEPTABLE[name] for name in names if name in ACCEPTABLE}
        causes = self.diagnosis.explanations[0].causes if self.diagnosis and self.diagnosis.explanations else ()
        if self.exit == 1 and causes and all(cause.trap.name in names or cause.kind in kinds for cause in causes):
            self.exit, self.accepted = 0, True

    @property
    def verdict(self) -> str:
        """Equal, equal but for defaults or conventions or both, differs, or no answer."""
        if self.error:
            return "no answer"
        if self.but_for and self.diagnosis:
            kinds = [name for name, kind in ACCEPTABLE.items() if kind in self.diagnosis.kinds]
            return f"equal but for {' and '.join(kinds)}"
        return "differs" if self.first else "equal"

    @property
    def first(self) -> tuple[str, Any] | None:
        """The mode and the first place that differs."""
        return next(((c.mode, c.first) for c in self.comparisons if c.first), None)

    def as_json(self) -> dict[str, Any]:
        """Everything, as plain data.

        file, dtype: what was asked. exit: the command's status. verdict: "equal", "equal but for defaults", "equal but
        for conventions" (or both), "differs" or "no answer"; error: why there is none. accepted: whether what differs
        is what --accept names. title, framework: what the candidate is. scenario: its name, data, config and steps;
        equal_on: those before it, for a model that is built for any. notes: what to know of the verdict. modes: for
        each, the worst difference of every phase and its share of the bound. not_compared: what the candidate does not
        show. first: the first place that differs. diagnosis: the causes, the best first, with their kinds and the
        difference that is left under each; a scenario that tells the first two apart; where nothing explains it all,
        what is known of each phase and facts; what was tried. text: the answer as printed.
        """
        return {
            "file": self.file,
            "dtype": self.dtype,
            "exit": self.exit,
            "verdict": self.verdict,
            "accepted": self.accepted,
            "error": self.error,
            "title": self.title,
            "framework": self.framework,
            "scenario": self._scenario(),
            "equal_on": self.equal_on,
            "notes": self.notes,
            "modes": {c.mode: {gap.phase: _gap(gap) for gap in c.worst} for c in self.comparisons},
            "not_compared": self.blind,
            "first": {"mode": self.first[0], **_gap(self.first[1])} if self.first else None,
            "diagnosis": self._diagnosis(),
            "text": self.text,
        }

    def _scenario(self) -> dict[str, Any] | None:
        if self.plan is None:
            return None
        name = self.plan.scenario.name
        return {"name": name, "data": self.data, "config": self.plan.config, "steps": len(self.plan.steps)}

    def _diagnosis(self) -> dict[str, Any] | None:
        d = self.diagnosis
        if d is None:
            return None
        causes = [
            {"traps": list(e.traps), "kinds": [c.kind for c in e.causes], "label": e.label, "difference": e.difference}
            for e in d.explanations
        ]
        phases = [
            {"phase": p.name, "state": p.state, "traps": [c.trap.name for c in p.causes], "until": p.until}
            for p in d.phases
        ]
        return {
            "cause": d.cause,
            "explanations": causes,
            "telling": d.telling,
            "phases": phases,
            "facts": d.facts,
            "tried": d.tried,
            "pairs_tried": d.pairs_tried,
            "complete": d.complete,
        }

    @property
    def text(self) -> str:
        """The answer in words."""
        if self.error:
            return f"check.py: {self.error}"
        lines = [*self._about(), *(f"Note: {note}." for note in self.notes)]
        if self.blind:
            lines.append(f"Not compared, since the model does not show it: {', '.join(self.blind)}.")
        if self.accepted:
            lines += ["", f"Accepted: {self.but_for or 'it differs as --accept names it.'}"]
        elif self.but_for:
            lines += ["", self.but_for]
        return "\n".join([*lines, "", self.explanation or self._equal()])

    def _about(self) -> list[str]:
        assert self.plan
        if self.equal_on and not self.first:
            return [f"{self.file}: {self.title}, held against the reference in {self.dtype}"]
        c = self.plan.config
        options = ", ".join(f"{name} {_value(v)}" for name, v in c.items() if name not in ("layer_sizes", "seed"))
        size = "-".join(map(str, c["layer_sizes"]))
        return [
            f"{self.file}: {self.title}, held against the reference {size} on {self.data} in {self.dtype}",
            f"  {options}",
        ]

    def _equal(self) -> str:
        assert self.plan
        if self.equal_on:
            names = [*self.equal_on, self.plan.scenario.name]
            return f"Equal on all {len(names)} scenarios: {', '.join(names)}."
        worst = max((gap for c in self.comparisons for gap in c.worst), key=lambda gap: gap.used)
        modes = " and ".join(c.mode for c in self.comparisons)
        used = f"{worst.used:.0%}" if worst.used >= 0.01 else "under 1%"
        return (
            f"Equal: {len(self.plan.steps)} steps, {modes}. The largest difference is {worst.difference:.0e} of the "
            f"largest entry ({worst.tensor}), {used} of what is allowed."
        )


def _value(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _gap(gap: Any) -> dict[str, Any]:
    """A place in JSON; steps count from 1, as in the text."""
    keys = ("phase", "tensor", "difference", "bound", "used")
    values = {key: getattr(gap, key) for key in keys}
    place = {"step": gap.step + 1, "index": list(gap.index), "reference": gap.value_a, "candidate": gap.value_b}
    return {key: _finite(value) for key, value in (values | place).items()}


def _finite(value: Any) -> Any:
    """JSON knows neither NaN nor infinity."""
    return str(value) if isinstance(value, float) and not abs(value) < float("inf") else value


def write_whole(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(text, encoding="utf-8")
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


# Asking the candidate -------------------------------------------------------------------------------------------------


OF_DTYPES = re.compile(r"dtype|scalar type|float64|float32|double", re.I)  # what an error of mixed precisions says
SHORT = ("", "float32-inside")  # causes after which float32 is tried


def check(
    path: Path, scenario: str | None, dtype: str | None, steps: int, limit: float, given: Supply | None = None
) -> Answer:
    """Hold a candidate or a script against the reference.

    Stopped if it gives no answer, UsageError if a scenario does not fit.

    Without a dtype in float64; and in float32 where the model cannot be run in float64, or where nothing explains its
    difference there but that it computes in float32, or that some numbers of it do.
    """
    from compare.watch.plan import is_script

    if is_script(path):
        return check_script(path, scenario, dtype, steps, limit, given)
    if dtype:
        return check_in(dtype, path, scenario, steps, limit)
    try:
        answer, why = check_in("float64", path, scenario, steps, limit), ""
    except (Stopped, UsageError) as error:
        if not OF_DTYPES.search(str(error)):
            raise
        answer, why = None, str(error)
    if answer is not None and (answer.diagnosis is None or answer.diagnosis.cause not in SHORT):
        return answer
    try:
        short = check_in("float32", path, scenario, steps, limit)
    except (Stopped, UsageError):
        if answer is None:
            raise
        return answer
    if answer is None:
        short.notes.append(f"float64 is not possible ({why.partition(': ')[2] or why}), so it is compared in float32")
        return short
    if short.exit == 0:
        short.notes.append("it computes in float32 also where float64 is asked for, so it is compared in float32")
        return short
    if answer.diagnosis and not answer.diagnosis.cause and short.diagnosis and short.diagnosis.cause:
        short.notes.append("in float64 nothing explains it to the last digit, so it is compared in float32")
        return short
    return answer


def check_in(dtype: str, path: Path, scenario: str | None, steps: int, limit: float) -> Answer:
    """The same in one precision."""
    with scratch() as work, Process(path, dtype, limit) as process:
        import sklearn.datasets  # noqa: F401  # While the candidate's framework is imported there: the data is from it.

        from compare.candidates import plans
        from impls.mlp_numpy import Config

        chosen = None
        if scenario is not None:
            try:
                chosen = plans.named(scenario, steps)
            except ValueError as error:
                raise UsageError(str(error)) from None
        about = process.answer()
        if chosen is None and about.get("unclear"):
            raise UsageError(about["unclear"])
        if chosen is not None:
            check_scenario(path, chosen, about["fields"])
            todo = [chosen]
        elif about["asks_config"]:
            todo = plans.of_every_option(steps)
        else:
            fields = about["fields"] | {"layer_sizes": tuple(about["fields"]["layer_sizes"])}
            if "class_weights" in fields:
                fields["class_weights"] = tuple(fields["class_weights"])
            todo = [plans.own(fields, steps)]
            Config(**todo[0].config)
        answer = Answer(str(path), dtype)
        for number, plan in enumerate(todo):
            answer = compare(process, work, path, plan, dtype, about)
            answer.data = described(plan, scenario, number + 1 if len(todo) > 1 else 0)
            answer.equal_on = [other.scenario.name for other in todo[:number]]
            if answer.exit:
                break
    return answer


def check_script(
    path: Path, scenario: str | None, dtype: str | None, steps: int, limit: float, given: Supply | None = None
) -> Answer:
    """Hold a training script, as it stands, against the reference: on its own batches, from its own weights."""
    from compare.ledger.parity import on_its_own
    from compare.traps.scenarios import Case
    from compare.watch.plan import WHERE, Inexpressible, drive_of, plan_of, trace_of
    from compare.watch.process import ScriptProcess, Supply

    if scenario or dtype == "float32":
        option = "--scenario" if scenario else "--dtype float32"
        raise UsageError(
            f"{option} is for a file with candidate(): {path.name} is a script, on its own data in float64"
        )
    with scratch() as work, (process := ScriptProcess(path, given or Supply(), limit, work)):
        process.watch(steps, 0.0)
        seen = process.recording()
        answer = Answer(str(path), "float64", "a script as it stands", seen.framework)
        try:
            if seen.framework == "numpy":
                return check_from_scratch(answer, seen)
            process.drive(drive_of(seen, plan_of(seen)))
            driven = process.recording()
            seen.options = driven.options  # In float64: Keras keeps its rate in the weights' precision.
            plan = plan_of(seen)
            case = Case(plan)
            trace, blind = trace_of(driven, plan, case.reference)
        except Inexpressible as error:
            raise UsageError(
                f"{path.name}: the reference cannot be this network: {error}; two scripts can be held against each "
                "other all the same: check.py original.py port.py"
            ) from None
    answer.plan, answer.data = plan, plan.dataset.name
    answer.notes, answer.blind = list(seen.notes), sorted(blind)
    for answer.dtype in ("float64", "float32"):  # A framework may keep constants, as Keras its rate, in float32.
        names = ("reference", path.name)
        answer.comparisons = [on_its_own(case.ruler, answer.dtype, names, case.reference, trace, blind)]
        if not answer.first:
            return answer
        explain_difference(answer, case.reference, {"on its own": trace})
        if answer.diagnosis and answer.diagnosis.cause:
            break
    answer.exit = 1
    phase = answer.first[1].phase if answer.first else ""
    if line := seen.lines.get(WHERE.get(phase, ""), seen.lines.get("model")):
        answer.explanation += f"\n\nIn the script: {line}."
    return answer


def check_from_scratch(answer: Answer, seen: Recording) -> Answer:
    """Hold a NumPy script, as it ran, against the reference: nothing of it is run again, since it is in float64."""
    from compare.ledger.parity import on_its_own
    from compare.pairs import from_scratch
    from compare.traps.scenarios import Case

    plan, notes = from_scratch.plan_of(seen)
    case = Case(plan)
    trace, blind = from_scratch.trace_of(seen, plan, case.reference)
    answer.plan, answer.data = plan, plan.dataset.name
    answer.notes, answer.blind = [*seen.notes, *notes], sorted(blind)
    names = ("reference", seen.script)
    answer.comparisons = [on_its_own(case.ruler, answer.dtype, names, case.reference, trace, blind)]
    if answer.first:
        answer.exit = 1
        explain_difference(answer, case.reference, {"on its own": trace})
        answer.explanation += f"\n\nIn the script: {seen.lines.get('step')}."
    return answer


def described(plan: Plan, scenario: str | None, count: int) -> str:
    """What it was trained on, in words."""
    data, n = plan.dataset, len(plan.dataset.x_train)
    if scenario:
        return f"scenario {scenario}"
    if count:
        return f"scenario {plan.scenario.name}, the {count}. of those that have every option between them,"
    return f"{data.name} ({n} samples)"


def check_scenario(path: Path, plan: Plan, fields: dict[str, Any]) -> None:
    """UsageError unless the candidate has the scenario's sizes and loss."""
    for name, word in (("layer_sizes", "layers"), ("loss", "loss")):
        found, wanted = fields.get(name), plan.config[name]
        found = tuple(found) if isinstance(found, list) else found
        if found is not None and found != wanted:
            shown = ["-".join(map(str, v)) if isinstance(v, tuple) else v for v in (found, wanted)]
            raise UsageError(
                f"{path.name}: the model's {word} {shown[0]} is not that of scenario {plan.scenario.name}, {shown[1]}: "
                "change the model, name another --scenario, or leave it out"
            )


def compare(process: Process, work: Path, path: Path, plan: Plan, dtype: str, about: dict[str, Any]) -> Answer:
    """Record the candidate under a plan, compare, and explain a difference."""
    from compare.ledger.parity import in_step, on_its_own
    from compare.ledger.trace import Trace
    from compare.traps.scenarios import Case

    folder = Path(tempfile.mkdtemp(dir=work))
    case = Case(plan)
    (folder / "plan.pickle").write_bytes(pickle.dumps(plan))
    case.reference.save(folder / "reference.npz")
    process.give(folder=str(folder))
    ruler = case.ruler  # Meanwhile.
    told = process.answer()
    try:
        traces = {mode: Trace.load(folder / f"{mode}.npz") for mode in told["modes"]}
    except Exception as error:  # Whatever a damaged file makes of reading it.
        raise Stopped(
            f"{path.name}: what it recorded cannot be read ({one_line(error)}): is NumPy as it was?", 3
        ) from None
    blind, names = frozenset(told["blind"]), ("reference", path.name)
    answer = Answer(str(path), dtype, about["title"], told["framework"], plan, blind=sorted(blind))
    answer.notes = list(dict.fromkeys([*about["notes"], *told["notes"]]))
    if "in step" not in traces:
        answer.notes.append("the optimizer's slots cannot be set, so the model is compared on its own only")
    for mode, trace in traces.items():
        function = in_step if mode == "in step" else on_its_own
        answer.comparisons.append(function(ruler, dtype, names, case.reference, trace, blind))
    if told.get("miscopied"):
        answer.exit = 1
        answer.explanation = (
            "The parameters that candidate(config, params) was given are not all in what it returns: "
            f"{'; '.join(told['miscopied'])}.\nTrained from the reference's own, it is equal."
        )
    if answer.first:
        answer.exit = 1
        explain_difference(answer, case.reference, traces)
    return answer


def explain_difference(answer: Answer, reference: Trace, traces: dict[str, Trace]) -> None:
    """Add the diagnosis."""
    from compare.traps.diagnose import diagnose
    from compare.traps.words import equal_but_for, explain

    assert answer.plan
    answer.diagnosis = diagnose(
        answer.plan, reference, stepped=traces.get("in step"), own=traces.get("on its own"), dtype=answer.dtype
    )
    answer.explanation = explain(answer.diagnosis, answer.framework).rstrip()
    answer.but_for = equal_but_for(answer.diagnosis)


if __name__ == "__main__":
    sys.exit(main())
