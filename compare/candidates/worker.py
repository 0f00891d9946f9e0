"""The user's model in its own process: loaded, described and recorded there, whatever it does.

    python -m compare.candidates.worker FILE DTYPE EVENTS

describes the candidate, then does one job at a time; jobs come and events go by the channel of the address EVENTS. What
the user's code prints goes to standard output, which the parent only keeps the end of.
"""

from __future__ import annotations

import contextlib
import operator
import os
import pickle
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from compare.candidates import frameworks, initial, order
from compare.candidates.base import Candidate
from compare.candidates.forms import fitting
from compare.candidates.load import EXPECTED, CandidateError, Source, assigned, place, said, source_mentions
from compare.candidates.scratch import ScratchCandidate, can_train
from compare.candidates.suspects import Suspect
from compare.candidates.template_object import TemplateCandidate, has_members
from compare.ledger import trace
from compare.run.channel import Channel
from impls import mlp_numpy
from shared.scenarios import Plan

BAD_INPUT, CRASH = 2, 3  # exit statuses of the command


class Failure(Exception):
    """Why there is no record, in one line, and the command's exit status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


class Session:
    """One user's file in one precision."""

    def __init__(self, path: Path, dtype: str, tell: Callable[..., None]):
        self.path, self.dtype, self.tell = path, dtype, tell
        self.ignored: list[str] = []  # settings of the whole process that the user's code tried to make
        self._prepare()
        self.source = Source(path)
        self._prepare_keras_if_loaded()

    # The frameworks --------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        """Set the precision of the frameworks before the user's code makes anything in it."""
        if source_mentions(self.path, "torch"):
            import torch

            torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
            torch.set_default_dtype(getattr(torch, self.dtype))
            torch.set_default_dtype = self._ignore("torch.set_default_dtype")
        if source_mentions(self.path, "keras"):
            backend = assigned(self.path, "KERAS_BACKEND")
            if backend:  # Before Keras is imported, as the file would set it.
                os.environ["KERAS_BACKEND"] = backend
            if source_mentions(self.path, "sklearn") or source_mentions(self.path, "wrappers"):
                import keras  # noqa: F401
            else:
                frameworks.import_keras()
        self._prepare_keras_if_loaded()

    def _prepare_keras_if_loaded(self) -> None:
        keras = sys.modules.get("keras")
        if keras is None or keras.config.floatx() == self.dtype == keras.config.dtype_policy().name:
            return
        if self.dtype == "float64":
            from impls.mlp_keras import allow_float64

            allow_float64()
        keras.config.set_floatx(self.dtype)
        keras.config.set_dtype_policy(self.dtype)
        for module, name in (
            (keras.config, "set_floatx"),
            (keras.backend, "set_floatx"),
            (keras.config, "set_dtype_policy"),
            (keras.mixed_precision, "set_global_policy"),
            (keras.mixed_precision, "set_dtype_policy"),
        ):
            if hasattr(module, name):
                setattr(module, name, self._ignore(f"{module.__name__}.{name}"))

    def _ignore(self, what: str) -> Callable[..., None]:
        def ignored(*arguments: Any, **named: Any) -> None:
            frame = sys._getframe(1)
            value = ", ".join(str(a) for a in (*arguments, *named.values()))
            if value.removeprefix("torch.") == self.dtype:
                return
            line = (
                f"{Path(frame.f_code.co_filename).name}, line {frame.f_lineno}: {what}({value}) is left out, since the "
                f"whole run is in {self.dtype}, as --dtype says"
            )
            if line not in self.ignored:
                self.ignored.append(line)

        return ignored

    # The candidate ---------------------------------------------------------------------------------------------------

    def candidate(self, fields: dict[str, Any], params: list | None = None) -> Candidate:
        """A new one; CandidateError where the user's file gives none."""
        product = self.source.product(fields | {"dtype": self.dtype}, params)
        try:
            return adapt(product, self.dtype)
        except CandidateError as error:
            raise CandidateError(str(error), self.source.at) from error

    def describe(self) -> dict[str, Any]:
        """What the candidate is, for the parent to plan its training."""
        if self.source.asks_config:
            return {
                "asks_config": True,
                "fields": {},
                "title": "a model built for any configuration",
                "framework": "numpy",
                "notes": self.ignored,
            }
        candidate = self.candidate({})
        own = candidate.initial
        try:
            fields: dict[str, Any] = candidate.describe()
            error = ""
            mlp_numpy.Config(**fields)
        except (CandidateError, ValueError, TypeError) as reason:
            fields, error = {}, f"{self.source.at}: {reason}"
        drawn = initial.distribution(own) if own else ""
        if drawn:
            candidate.notes.append(f"the weights that it had by itself, {drawn}, are replaced by the reference's")
        return {
            "asks_config": False,
            "fields": fields,
            "unclear": error,  # Where a scenario is named, that says it all.
            "title": candidate.title,
            "framework": candidate.framework,
            "notes": [*self.ignored, *candidate.notes],
        }

    def record(self, folder: Path) -> dict[str, Any]:
        """Record the plan in a folder: in step with the reference there, where the candidate can be, and on its own."""
        plan: Plan = pickle.loads((folder / "plan.pickle").read_bytes())
        reference = trace.Trace.load(folder / "reference.npz")
        config = mlp_numpy.Config(**plan.config, dtype=self.dtype)
        modes, blind, framework, later = list[str](), set[str](), "numpy", list[str]()
        miscopied: list[str] = []
        suspects: list[Suspect] = []
        try:
            form, said_of_it = fitting(lambda: self.candidate(plan.config, plan.params), config, plan, reference)
        except CandidateError as error:
            raise CandidateError(str(error), self.source.at) from error
        for mode in ("in step", "on its own"):
            candidate = self.candidate(plan.config, plan.params)
            candidate.form = form
            try:
                candidate.begin(config)
            except CandidateError as error:
                raise CandidateError(str(error), self.source.at) from error
            framework = candidate.framework
            if self.source.asks_config and not modes:
                miscopied += self._miscopied(candidate, plan)
            if mode == "in step" and not candidate.takes_state:
                continue
            whole = mode == "in step" or not modes
            recorded = self._train(candidate, plan, mode, reference, whole)
            recorded.save(folder / f"{mode}.npz")
            modes.append(mode)
            later += candidate.notes
            if whole:
                blind |= candidate.blind
                suspects = candidate.suspects
                if order.may_be_apart(recorded, reference, plan):
                    suspects += self._apart(plan, config, form)
        notes = [*self.ignored, *([said_of_it] if said_of_it else []), *later]
        found = {"modes": modes, "blind": sorted(blind), "framework": framework, "notes": notes}
        return found | {"miscopied": miscopied, "suspects": suspects}

    def _apart(self, plan: Plan, config: mlp_numpy.Config, form: str) -> list[Suspect]:
        """Whether its step takes inputs and targets apart, watched in another training."""
        try:
            candidate = self.candidate(plan.config, plan.params)
            candidate.form = form
            candidate.begin(config)
            sow()
            return order.suspects(order.batches(candidate, plan))
        except Exception:  # To watch may be more than a step allows; it was recorded without.
            return []

    def _miscopied(self, candidate: Candidate, plan: Plan) -> list[str]:
        """What became of the parameters that the user's function was given; nothing where it took none."""
        wrong, none = initial.miscopied(candidate.params, plan.params)
        return [] if none else wrong

    def _train(self, candidate: Candidate, plan: Plan, mode: str, reference: trace.Trace, whole: bool) -> trace.Trace:
        watched = Watched(
            candidate, plan, lambda step: self.tell(event="at", where=f"step {step} of {len(plan.steps)}, {mode}")
        )
        sow()
        try:
            return trace.record(watched, plan, reference if mode == "in step" else None, whole)  # type: ignore[arg-type]
        except BaseException as error:
            step = min(candidate.steps + 1, len(plan.steps))
            x, y = plan.batch(step - 1)
            shapes = f"x {x.shape}, y {y.shape}"
            at = place(error, self.path)
            at = self.source.at if at == self.path.name else at
            text = str(error) if isinstance(error, CandidateError) else said(error)
            raise Failure(f"{at}: at step {step} of {len(plan.steps)}, {mode} ({shapes}): {text}", CRASH) from error


def sow() -> None:
    """Seed what a step may draw from, so that all trainings of a file draw the same."""
    random.seed(0)
    np.random.seed(0)
    for name, seed in {"torch": "manual_seed", "keras": "utils.set_random_seed"}.items():
        if name in sys.modules:
            operator.attrgetter(seed)(sys.modules[name])(0)


class Watched:
    """A candidate that says which step it is at before it takes it."""

    def __init__(self, candidate: Candidate, plan: Plan, say: Callable[[int], None]):
        self._candidate, self._say = candidate, say

    def __getattr__(self, name: str) -> Any:
        return getattr(self._candidate, name)

    def set_params(self, params: Any) -> None:
        self._candidate.set_params(params)

    def forward(self, x: Any) -> Any:
        self._say(self._candidate.steps + 1)
        return self._candidate.forward(x)


def adapt(product: Any, dtype: str) -> Candidate:
    """The adapter for what the user's function returned; CandidateError if there is none for it."""
    parts = product if isinstance(product, dict) else {"model": product}
    model = parts.get("model")
    if "keras" in sys.modules and isinstance(model, sys.modules["keras"].Model):
        from compare.candidates.keras_model import KerasCandidate

        return KerasCandidate(parts, dtype)
    if has_members(model):
        return TemplateCandidate(model, dtype, parts.get("config"))
    if type(model).__module__.startswith("sklearn.neural_network"):
        from compare.candidates.sklearn_model import SklearnCandidate

        return SklearnCandidate(parts, dtype)
    if type(model).__module__.startswith("sklearn."):
        kind = type(model).__name__
        raise CandidateError(f"the model is scikit-learn's {kind}: what can be held is MLPClassifier and MLPRegressor")
    module = "torch" in sys.modules and isinstance(model, sys.modules["torch"].nn.Module)
    if not module and model is not None and (can_train(model) or (parts.get("step") and hasattr(model, "__dict__")
                                                                  and not callable(parts.get("loss")))):  # fmt: skip
        return ScratchCandidate(parts, dtype)
    if "torch" in sys.modules and isinstance(product, dict):
        from compare.candidates.torch_module import TorchCandidate

        return TorchCandidate(product, dtype)
    if "torch" in sys.modules and isinstance(product, sys.modules["torch"].nn.Module):
        raise CandidateError(f"candidate() returned the model alone: expected {EXPECTED}")
    raise CandidateError(f"candidate() returned {_shown(product)}: expected {EXPECTED}")


def _shown(product: Any) -> str:
    if product is None:
        return "nothing"
    kind = type(product).__name__
    return f"{'an' if kind[0].lower() in 'aeiou' else 'a'} {kind}"


def main() -> None:
    path, dtype, channel = Path(sys.argv[1]), sys.argv[2], Channel(sys.argv[3])
    end, printed = os._exit, traceback.print_exc  # Foreign code may put others in their place.
    try:
        session = Session(path, dtype, channel.tell)
        channel.tell(event="done", result=session.describe())
        for job in channel.jobs():
            channel.tell(event="done", result=session.record(Path(job["folder"])))
    except CandidateError as error:
        channel.tell(event="failed", message=str(error), status=BAD_INPUT)
    except Failure as error:
        channel.tell(event="failed", message=str(error), status=error.status)
    except BaseException as error:  # Ours, or raised where the user's code runs unasked.
        with contextlib.suppress(BaseException):
            printed()
        channel.tell(event="failed", message=f"{place(error, path)}: {said(error)}", status=CRASH)
    finally:
        end(0)  # Whatever the user's code left running ends here.


if __name__ == "__main__":
    main()
