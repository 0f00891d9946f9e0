"""A training script in its own process: run as it stands and recorded, then run again on what it is given.

    python -m compare.watch.worker FILE GIVEN EVENTS

does one job at a time; jobs come and events go by the channel of the address EVENTS. GIVEN is what the script is given
besides itself, its arguments for instance, in JSON. What the script prints goes to a file, and is in the recording.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from compare.candidates.load import place, said
from compare.run.channel import Channel
from compare.watch.recording import Drive, Recording
from compare.watch.supplied import Supply, Unsupplied, supplied
from compare.watch.watcher import Enough, NotWatched, Watcher
from compare.watch.ways_out import way_out

BAD_INPUT, CRASH = 2, 3  # exit statuses of the command
PRINTED = 200_000  # characters that are kept of what a script prints
FRAMEWORKS = ("torch", "keras", "tensorflow")


class Failure(Exception):
    """Why there is no recording, in one line, and the command's exit status."""

    def __init__(self, message: str, status: int):
        super().__init__(message)
        self.status = status


def imports(path: Path, seen: set[Path] | None = None) -> set[str]:
    """The modules that a script and its neighbours import; Failure where it is no Python."""
    seen = set() if seen is None else seen
    seen.add(path)
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:
        line = f", line {error.lineno}" if isinstance(error, SyntaxError) else ""
        raise Failure(f"{path.name}{line}: is no Python: {said(error)}", BAD_INPUT) from None
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    for name in list(found):
        neighbour = path.parent / f"{name.split('.')[0]}.py"
        if neighbour.is_file() and neighbour not in seen:
            found |= imports(neighbour, seen)
    return {name.split(".")[0] for name in found}


def preload(path: Path) -> None:
    """Import what a script imports from elsewhere, so that no line of that is traced."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        names = [n.name for n in node.names] if isinstance(node, ast.Import) else []
        names += [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
        for name in names:
            top = path.parent / name.split(".")[0]
            if not top.is_dir() and not top.with_suffix(".py").exists():
                with contextlib.suppress(Exception):  # The script will say it better.
                    importlib.import_module(name)


class Session:
    """One script, run as often as asked."""

    def __init__(self, path: Path, given: Supply):
        self.path, self.given = path.resolve(), given
        self.imports = imports(self.path)
        self.loaded = set(sys.modules)

    def watcher(self, steps: int, drive: Drive | None) -> Watcher:
        """For the framework that the script imports; NumPy where it imports none."""
        if "torch" in self.imports and (self.beside or not self.imports & {"keras", "tensorflow"}):
            from compare.watch.torch import TorchWatcher

            torch = TorchWatcher(self.path, steps, drive)
            torch.joins, torch.kept = self.joins, self.kept
            return torch
        if self.imports & {"keras", "tensorflow"}:
            from compare.watch import keras_backend

            keras_backend.choose(self.path, partial(self._once, seconds=0.0))
            return keras_backend.keras_watcher(self.path, steps, drive)
        from compare.watch.numpy import NumpyWatcher, Scan

        if self.found is None:
            preload(self.path)
            scan = Scan(self.path, steps, self.given.weights)
            self._once(scan, 0.0)
            self.found = (*scan.found(), (None, None), False)
        watcher = NumpyWatcher(self.path, steps, drive, *self.found[:2])
        watcher.drive_paths, watcher.by_call = self.found[2:]
        return watcher

    beside = False  # whether Keras is there for its data alone, and PyTorch trains
    joins = False  # whether the script was seen to take one loss of several passes
    kept: list[bool] = []  # noqa: RUF012 -- which of its passes were seen to make a step
    found: Any = None  # where a script without a framework trains: the loop, the weights, the batch

    def run(self, steps: int, seconds: float, drive: Drive | None = None) -> Recording:
        """Run the script for its steps, and then on for some seconds; Failure if there is no recording."""
        try:
            watcher = self.watcher(steps, drive)
            raised = self._once(watcher, seconds)
        except NotWatched as error:
            raise Failure(str(error), BAD_INPUT) from None
        self.joins |= watcher.recording.joins
        self.kept = self.kept or watcher.recording.kept
        if watcher.framework == "numpy" and drive is None and watcher.recording.steps:
            self.found = (*self.found[:2], watcher.batch, watcher.by_call)  # type: ignore[attr-defined]
        if isinstance(raised, SystemExit) and not raised.code:
            watcher.recording.ended, raised = True, None
        if raised and not watcher.full:
            if isinstance(raised, NotWatched | Unsupplied):
                raise Failure(str(raised), BAD_INPUT)
            if not watcher.made and (known := way_out(raised, said(raised))):
                raise Failure(f"{place(raised, self.path)}: {known}", BAD_INPUT)
            at = f"at step {watcher.made + 1}, " if watcher.made else "before its first step, "
            traceback.print_exception(raised)
            raise Failure(f"{place(raised, self.path)}: {at}{said(raised)}", CRASH)
        if not watcher.recording.steps and watcher.framework == "keras" and "torch" in self.imports:
            self.beside = True
            return self.run(steps, seconds, drive)
        if not watcher.recording.steps and watcher.untold:
            raise Failure(f"{self.path.name}: {watcher.untold}", BAD_INPUT)
        if not watcher.recording.steps:
            raise Failure(
                f"{self.path.name}: it never trains: no weights were seen to change; expected a script that "
                "runs its training when it is run",
                BAD_INPUT,
            )
        trained = max(len(step.after) for step in watcher.recording.steps)  # What is met later is another network.
        del watcher.recording.parameters[trained:]
        if drive is not None and drive.brief and watcher.made < len(drive.steps):
            return self.run(0, 0.0, _rest(drive, watcher))
        return watcher.recording

    def _once(self, watcher: Watcher, seconds: float) -> BaseException | None:
        """Run the script under a watcher; what it raised."""
        raised: BaseException | None = None
        with self._place(), _printed() as printed, supplied(self.given, self.imports):
            watcher.start()
            try:
                with _alarm(watcher, seconds):
                    runpy.run_path(str(self.path), run_name="__main__")
                watcher.recording.ended = True
            except Enough:
                pass
            except BaseException as error:
                raised = error
            finally:
                watcher.stop()
        watcher.recording.printed = printed[0]
        self._forget()
        return raised

    @contextlib.contextmanager
    def _place(self) -> Iterator[None]:
        """Arguments, folder and import path as `python script.py` has them."""
        kept = sys.argv, sys.path[:], Path.cwd()
        sys.argv = [str(self.path), *self.given.arguments]
        sys.path.insert(0, str(self.path.parent))
        os.chdir(self.path.parent)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("default")
                yield
        finally:
            sys.argv, sys.path[:] = kept[:2]
            os.chdir(kept[2])

    def _forget(self) -> None:
        """The script's own modules, so that another run begins anew."""
        for name, module in list(sys.modules.items()):
            origin = getattr(module, "__file__", None)
            if name not in self.loaded and origin and Path(origin).resolve().parent == self.path.parent:
                del sys.modules[name]


def _rest(drive: Drive, watcher: Watcher) -> Drive:
    """What a script that ended too early is to go on with when it is run once more; Failure where it cannot."""
    rest = replace(drive, steps=drive.steps[watcher.made :])
    last = watcher.recording.steps[-1].after
    if drive.follow is None and len(rest.steps) > 1:  # Its optimizer would begin anew.
        raise Failure(f"{watcher.script.name}: it ends after {watcher.made} of {len(drive.steps)} steps", CRASH)
    begun = rest.steps[0].before or [None] * len(last)
    rest.steps[0].before = [w if w is not None else own for w, own in zip(begun, last, strict=True)]
    return rest


@contextlib.contextmanager
def _printed() -> Iterator[list[str]]:
    """What is printed in the meantime, at the end the only entry of the list."""
    found = [""]
    with tempfile.TemporaryFile("w+b") as file:
        kept = os.dup(1)
        sys.stdout.flush()
        os.dup2(file.fileno(), 1)
        try:
            yield found
        finally:
            sys.stdout.flush()
            os.dup2(kept, 1)
            os.close(kept)
            file.seek(0)
            found[0] = file.read(PRINTED).decode(errors="replace")


@contextlib.contextmanager
def _alarm(watcher: Watcher, seconds: float) -> Iterator[None]:
    """From when all steps are recorded, the script goes on for so long at most."""
    left = [seconds]

    def ring(*_: Any) -> None:
        if watcher.full:
            left[0] -= 0.1
            watcher.over = left[0] <= 0
            if left[0] <= -watcher.patience:
                raise Enough

    kept = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
    try:
        yield
    finally:
        left[0] = float("inf")
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, kept)


def work(session: Session, job: dict[str, Any]) -> dict[str, Any]:
    """Do one job: watch the script, or drive it."""
    drive = None
    if "drive" in job:
        import pickle

        drive = pickle.loads(Path(job["drive"]).read_bytes())
    recording = session.run(job["steps"], job["seconds"], drive)
    recording.save(Path(job["out"]))
    return {"steps": len(recording.steps)}


def main() -> None:
    path, given, channel = Path(sys.argv[1]), Supply(**json.loads(sys.argv[2])), Channel(sys.argv[3])
    end, printed = os._exit, traceback.print_exc  # Foreign code may put others in their place.

    def answer(act: Callable[[], Any]) -> None:
        try:
            channel.tell(event="done", result=act())
        except Failure as error:
            channel.tell(event="failed", message=str(error), status=error.status)
        except BaseException as error:  # Ours.
            printed()
            channel.tell(event="failed", message=f"{place(error, path)}: {said(error)}", status=CRASH)

    try:
        session: list[Session] = []
        for job in channel.jobs():
            if not session:
                try:
                    session.append(Session(path, given))
                except Failure as error:
                    channel.tell(event="failed", message=str(error), status=error.status)
                    return
            answer(partial(work, session[0], job))
    finally:
        end(0)  # Whatever the user's code left running ends here.


if __name__ == "__main__":
    main()
