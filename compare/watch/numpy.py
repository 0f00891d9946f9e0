"""Watching a script without a framework: the arrays that change from one iteration of its loop to the next are weights.

A first run finds the loop and its weights, a second records them. Gradients and outputs do not show; the update does.
Where the loop or the weights are not found by themselves, a comment `# weights: W1, b1, W2, b2` names them.
"""

from __future__ import annotations

import ast
import re
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path as File
from types import FrameType
from typing import Any

import numpy as np

from compare.watch import numpy_arrays
from compare.watch.numpy_arrays import INPUT, TARGET, Path, arrays, is_turned
from compare.watch.recording import Arrays, Drive, Line, Parameter, Step
from compare.watch.watcher import Enough, NotWatched, Watcher

LOOKED = 6  # iterations of a loop from which it is known
SCANNING = 5.0  # seconds
Place = tuple[str, int]  # a file and the line of a loop's head


def loops(path: File) -> set[Place]:
    """The heads of a file's loops."""
    tree = ast.parse(path.read_bytes())
    return {(str(path), node.lineno) for node in ast.walk(tree) if isinstance(node, ast.For | ast.While)}


class Tracing(Watcher):
    """Sees every line of the user's own files."""

    framework = "numpy"

    def start(self) -> None:
        self.recording.version = np.__version__
        self.heads = set().union(*(loops(p) for p in File(self.folder).glob("*.py") if self._ours(p)))
        self.files = {file for file, _ in self.heads} | {str(self.script)}
        sys.settrace(self._entered)

    def _ours(self, path: File) -> bool:
        try:
            ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):
            return False
        return path == self.script or path.stem in self.neighbours

    neighbours: set[str] = set()  # noqa: RUF012

    def stop(self) -> None:
        sys.settrace(None)

    def _entered(self, frame: FrameType, event: str, argument: Any) -> Callable | None:
        return self._traced if frame.f_code.co_filename in self.files else None

    def _traced(self, frame: FrameType, event: str, argument: Any) -> Callable:
        if event == "line":
            place = (frame.f_code.co_filename, frame.f_lineno)
            if place in self.heads:
                self.at_head(frame, place)
            else:
                self.at_line(frame)
        return self._traced

    def at_head(self, frame: FrameType, place: Place) -> None:
        """An iteration of a loop begins, or the loop ends."""

    def at_line(self, frame: FrameType) -> None:
        """Any other line is about to run."""


class Scan(Tracing):
    """Finds the loop that trains, and the weights."""

    def __init__(self, script: File, steps: int, weights: str = ""):
        super().__init__(script, steps)
        self.named = {name.strip() for name in weights.split(",") if name.strip()} or named_weights(script)

    def start(self) -> None:
        super().start()
        self.snapshots: dict[Place, list[dict[Path, np.ndarray]]] = {}
        self.frame_of: dict[Place, int] = {}
        self.end = float("inf")  # Until the first loop: imports and data take their time.

    def at_head(self, frame: FrameType, place: Place) -> None:
        self.end = min(self.end, time.monotonic() + SCANNING)
        if time.monotonic() > self.end:
            raise Enough
        kept = self.snapshots.setdefault(place, [])
        if self.frame_of.get(place) != id(frame):
            self.frame_of[place] = id(frame)
            if len(kept) < LOOKED:
                kept.clear()
        if len(kept) < LOOKED:
            kept.append({path: a.copy() for path, a in arrays(frame)})
        if len(kept) == LOOKED and self._known(kept):
            self.full = all(len(s) == LOOKED or not self._known(s) for s in self.snapshots.values())
            if self.full:
                raise Enough

    def _known(self, kept: list[dict[Path, np.ndarray]]) -> list[Path]:
        if len(kept) < 3:
            return []
        if self.named:
            return [p for p in kept[-1] if str(p) in self.named or p.word in self.named]
        return numpy_arrays.weights(kept)

    def found(self) -> tuple[Place, list[Path]]:
        """The loop with the most weights that change at every turn; the innermost of those. NotWatched if none."""
        best: tuple[int, int, Place, list[Path]] | None = None
        for place, kept in self.snapshots.items():
            paths = self._known(kept)
            paths = [p for p in paths if p in kept[0]]
            moved = [p for p in paths if any(p in s and not np.array_equal(kept[0][p], s[p]) for s in kept[1:])]
            if moved:
                turns = _turns(kept, moved)
                if best is None or (len(moved), turns) > best[:2]:
                    best = (len(moved), turns, place, paths)
        if best is None:
            raise NotWatched(
                f"{self.script.name}: no loop changes arrays that look like weights: name them with --weights "
                "W1,b1,W2,b2 or a comment # weights: W1, b1, W2, b2, and let the training run when the script is run"
            )
        first = self.snapshots[best[2]][0]
        return best[2], numpy_arrays.by_layer(best[3], [first[p].shape for p in best[3]])


def _turns(kept: list[dict[Path, np.ndarray]], moved: list[Path]) -> int:
    """The number of turns in which all weights change: those of a loop over layers change one by one."""
    return sum(
        sum(not np.array_equal(a[p], b[p]) for p in moved if p in a and p in b) >= 0.8 * len(moved)
        for a, b in pairwise(kept)
    )


def named_weights(script: File) -> set[str]:
    """The weights that a comment of the script names."""
    found = re.search(rb"^\s*#\s*weights:\s*(.+)$", script.read_bytes(), re.M)
    return {name.strip() for name in found[1].decode().split(",")} if found else set()


class NumpyWatcher(Tracing):
    """Records the loop and the weights that a scan found, or drives them."""

    def __init__(self, script: File, steps: int, drive: Drive | None, place: Place, paths: list[Path]):
        super().__init__(script, steps, drive)
        self.place, self.paths = place, paths
        self.turned = False
        self.last: list[np.ndarray] | None = None
        self.batch: tuple[Path | None, Path | None] = (None, None)
        self.put: dict[Path, int] = {}  # batch variables, and the arrays in them that were given

    def start(self) -> None:
        super().start()
        line = Line(File(self.place[0]).name, self.place[1])
        self.recording.lines = {"step": line, "model": line, "data": line}

    def at_head(self, frame: FrameType, place: Place) -> None:
        if place != self.place:
            self.at_line(frame)
            return
        found = [path.get(frame) for path in self.paths]
        if any(not isinstance(a, np.ndarray) for a in found):
            return
        now = [np.array(a, float) for a in found]
        if not self.recording.parameters:
            self._first(now)
        now = self._canonical(now)
        if self.last is not None and any(not np.array_equal(a, b) for a, b in zip(now, self.last, strict=True)):
            self._made(frame, now)
        self._begin(frame, found)
        self.last = self._canonical([np.array(a, float) for a in found])

    def _first(self, now: list[np.ndarray]) -> None:
        self.turned = is_turned([a.shape for a in now])
        line = self.recording.lines["step"]
        for path, a in zip(self.paths, self._canonical(now), strict=True):
            plain = "bias" if numpy_arrays.is_bias(path, a.shape) else "weight"
            role = "kernel" if a.ndim == 2 and 1 not in a.shape else plain
            self.recording.parameters.append(Parameter(str(path), "free", role, a, True, line))

    def _canonical(self, values: list[np.ndarray]) -> list[np.ndarray]:
        return [a.T.copy() if self.turned and a.ndim == 2 else a for a in values]

    def _made(self, frame: FrameType, now: list[np.ndarray]) -> None:
        """The turn that has just ended was a step."""
        assert self.last is not None
        step = Step(before=list(self.last), after=now)  # type: ignore[arg-type]
        if not self.recording.steps:
            self.batch = self._find_batch(frame)
            whole = self.batch[0].get(frame) if self.batch[0] else None
            x = self._handed()[0]
            if x is not None and (whole is None or x.size < whole.size):
                self.by_call, self.batch = True, (None, None)
        x, y = self._handed() if self.by_call else (path.get(frame) if path else None for path in self.batch)
        if isinstance(x, np.ndarray) and x.ndim == 2:
            step.inputs.append(self._rows(x, self.recording.parameters[0].shape[0]))
        if isinstance(y, np.ndarray) and step.inputs:
            turned = y.ndim == 2 and len(y) != len(step.inputs[0]) == y.shape[1]
            step.targets.append(np.array(y.T if turned else y))
        loss = next((frame.f_locals[n] for n in ("loss", "cost", "error", "l") if n in frame.f_locals), None)
        step.loss = float(loss) if isinstance(loss, float | np.floating) else float("nan")
        self.finish(step)

    def _begin(self, frame: FrameType, found: list[np.ndarray]) -> None:
        """Before a turn of a driven script: its weights, and what it has as a whole of its data."""
        self.handed, self.taker = [], None
        given = self.given
        if given is None:
            return
        for a, value in zip(found, given.before, strict=False):
            if value is not None:
                a[...] = (value.T if self.turned and value.ndim == 2 else value).reshape(a.shape)
        self.put.clear()
        self.stale = {path: id(path.get(frame)) for path in self.drive_paths if path}
        self.at_line(frame)

    def at_line(self, frame: FrameType) -> None:
        given = self.given
        if given is None or self.drive is None or (frame.f_code.co_filename, frame.f_lineno) == self.place:
            return
        for path, values in zip(self.drive_paths, (given.inputs, given.targets), strict=True):
            value = path.get(frame) if path else None
            if path is None or not values or values[0] is None or not isinstance(value, np.ndarray):
                continue
            if self.put.get(path) == id(value):
                continue
            new = values[0].T if self._features_first(value, values[0]) else values[0]
            if new.size == value.size and value.flags.writeable:
                value[...] = new.reshape(value.shape)
                self.put[path] = id(value)
            elif id(value) != self.stale.get(path):  # Not what the turn before has left.
                raise NotWatched(f"{self.script.name}: its batches have another size than those that it is to be given")

    stale: dict[Path, int] = {}  # noqa: RUF012

    drive_paths: tuple[Path | None, Path | None] = (None, None)

    # A batch that shows in the functions alone to which it is handed

    by_call = False
    handed: list[tuple[np.ndarray, np.ndarray | None]] = []  # noqa: RUF012 -- in this turn, to one function
    taker: Any = None  # the code of that function

    def _entered(self, frame: FrameType, event: str, argument: Any) -> Callable | None:
        traced = super()._entered(frame, event, argument)
        if traced is not None and self.last is not None:
            self._at_call(frame)
        return traced

    def _at_call(self, frame: FrameType) -> None:
        """Keep the inputs and targets that a turn hands to a function; or put the given ones there."""
        width = self.recording.parameters[0].shape[0]
        own = [(n, a) for n, a in frame.f_locals.items() if isinstance(a, np.ndarray) and a.ndim]
        xs = [a for n, a in own if INPUT.match(n) and a.ndim == 2 and width in a.shape]
        ys = [a for n, a in own if TARGET.match(n)]
        if self.by_call and self.given is not None:
            single = bool(xs) and len(self._rows(xs[0], width)) == 1
            rows = slice(len(self.handed), len(self.handed) + 1) if single else slice(None)
            self._hand(xs, self.given.inputs, rows)
            self._hand(ys, self.given.targets, rows)
        if xs and self.taker in (None, frame.f_code):
            x = self._rows(xs[0], width)
            y = next((np.array(a.T if len(x) == 1 and a.ndim == 2 else a) for a in ys if len(x) in a.shape), None)
            self.taker = frame.f_code
            self.handed.append((x, y))

    def _handed(self) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The batch of the turn: what was handed first, or one by one."""
        if not self.handed:
            return None, None
        x, y = self.handed[0]
        if len(x) > 1 or len(self.handed) == 1:
            return x, y
        singles = [pair for pair in self.handed if len(pair[0]) == 1]
        ys = [own for _, own in singles if own is not None]
        return np.concatenate([own for own, _ in singles]), np.concatenate(ys) if len(ys) == len(singles) else None

    def _hand(self, found: list[np.ndarray], values: Arrays, rows: slice) -> None:
        value = values[0][rows] if values and values[0] is not None else None
        for a in found:
            new = None if value is None else value.T if self._features_first(a, value) else value
            if new is not None and new.size == a.size and a.flags.writeable:
                a[...] = new.reshape(a.shape)

    # The batch -------------------------------------------------------------------------------------------------------

    def _find_batch(self, frame: FrameType) -> tuple[Path | None, Path | None]:
        """The variables with the step's inputs and targets, told by name and shape; those of the turn before others."""
        inputs = self.recording.parameters[0].initial.shape[0]
        weights = {str(p) for p in self.paths}
        near = [(p, a) for p, a in arrays(frame) if len(p.names) == 1 and str(p) not in weights]
        near = [(p, a) for p, a in near if not re.search("test|val|dev|eval|new", p.word, re.I)]
        xs = [(p, self._rows(a, inputs)) for p, a in near if INPUT.match(p.word) and a.ndim == 2 and inputs in a.shape]
        if not xs:
            return None, None
        size = min(len(rows) for _, rows in xs)
        longest = sorted((item for item in xs if len(item[1]) == size), key=lambda item: -len(item[0].word))
        ys = [(p, a) for p, a in near if TARGET.match(p.word) and size in a.shape]
        y = next((p for p, _ in sorted(ys, key=lambda item: -len(item[0].word))), None)
        return longest[0][0], y

    def _rows(self, a: np.ndarray, inputs: int) -> np.ndarray:
        """Inputs with a sample in each row, also where weights are (out, in) and samples are columns."""
        columns = a.shape[0] == inputs and (self.turned or a.shape[1] != inputs)
        return np.array(a.T) if columns else np.array(a)

    def _features_first(self, own: np.ndarray, new: np.ndarray) -> bool:
        return own.ndim == new.ndim == 2 and own.shape == new.shape[::-1] != new.shape
