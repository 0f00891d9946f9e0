"""A candidate held against the reference: asked for its training in its own process, compared, and diagnosed."""

from __future__ import annotations

import pickle
import re
import tempfile
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from compare.candidates.answer import Answer
from compare.candidates.process import Process, Stopped
from compare.run.scratch import scratch
from compare.usage import UsageError, one_line

if TYPE_CHECKING:
    from compare.candidates.suspects import Suspect
    from compare.ledger.trace import Trace
    from shared.scenarios import Plan

OF_DTYPES = re.compile(r"dtype|scalar type|float64|float32|double", re.I)  # what an error of mixed precisions says
SHORT = ("", "float32-inside")  # causes after which float32 is tried
OF_FLOAT32 = 1e-4  # of a tensor's largest entry: more than that, float32 makes of no single step


def hold(
    path: Path,
    scenario: str | None,
    dtype: str | None,
    steps: int,
    limit: float,
    process: Callable[[Path, str, float], AbstractContextManager[Any]] = Process,
) -> Answer:
    """Hold a candidate against the reference.

    Without a dtype in float64; and in float32 where the model cannot be run in float64, or where its difference there
    is of float32's size and nothing else explains it. `process` is where the candidate runs. Stopped if it gives no
    answer, UsageError if a scenario does not fit.
    """

    def check_in(dtype: str) -> Answer:
        with scratch() as work, process(path, dtype, limit) as running:
            return check_candidate(running, work, path, scenario, dtype, steps)

    if dtype:
        return check_in(dtype)
    try:
        answer, why = check_in("float64"), ""
    except (Stopped, UsageError) as error:
        if not OF_DTYPES.search(str(error)):
            raise
        answer, why = None, str(error)
    if answer is not None and not may_be_float32(answer):
        return answer
    try:
        short = check_in("float32")
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


def may_be_float32(answer: Answer) -> bool:
    """Whether all that differs may be that numbers are kept in float32."""
    d = answer.diagnosis
    return d is not None and d.cause in SHORT and d.first is not None and d.first.difference < OF_FLOAT32


def check_candidate(process: Any, work: Path, path: Path, scenario: str | None, dtype: str, steps: int) -> Answer:
    """The same in one precision."""
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
        answer = compared(process, work, path, plan, dtype, about)
        answer.data = described(plan, scenario, number + 1 if len(todo) > 1 else 0)
        answer.equal_on = [other.scenario.name for other in todo[:number]]
        if answer.exit:
            break
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


def compared(process: Any, work: Path, path: Path, plan: Plan, dtype: str, about: dict[str, Any]) -> Answer:
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
        explain_difference(answer, case.reference, traces, told["suspects"])
    return answer


def explain_difference(
    answer: Answer, reference: Trace, traces: dict[str, Trace], suspects: Iterable[Suspect] = ()
) -> None:
    """Add the diagnosis; `suspects` are settings of the candidate that may explain it."""
    from compare.traps.catalogue import CATALOGUE, Hypothesis
    from compare.traps.diagnose import diagnose
    from compare.traps.words import equal_but_for, explain, what_to_do

    assert answer.plan
    answer.diagnosis = diagnose(
        answer.plan,
        reference,
        stepped=traces.get("in step"),
        own=traces.get("on its own"),
        dtype=answer.dtype,
        suspects=[Hypothesis(CATALOGUE[name], label, values) for name, label, values in suspects],
    )
    answer.explanation = explain(answer.diagnosis, answer.framework).rstrip()
    lasting = [gap for c in answer.comparisons for gap in c.worst if gap.phase in ("update", "outcome")]
    judged = any(gap.phase == "update" for gap in lasting)  # In a training on its own no weight is.
    answer.but_for = equal_but_for(answer.diagnosis, judged and all(gap.used <= 1 for gap in lasting))
    answer.to_do = what_to_do(answer.diagnosis, answer.framework)
