"""What the watchers of all frameworks have in common: lines, names, limits, and when a step begins and ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from compare.watch.recording import Drive, Given, Line, Pass, Recording, Step

ROOM = 300e6  # bytes of weights and gradients that a recording may hold


class Enough(BaseException):
    """All steps are recorded: no `except Exception` of the script's may stop this."""


class NotWatched(Exception):
    """Why a script cannot be recorded, in one line."""


class Watcher:
    """Records one run of a script, or drives it."""

    framework = ""
    untold = ""  # why it records nothing, where that was seen
    patience = 0.0  # seconds in which it ends the script itself, where it is safe, once its time is over

    def __init__(self, script: Path, steps: int, drive: Drive | None = None):
        self.script, self.folder, self.drive = script, str(script.resolve().parent), drive
        self.limit = steps if drive is None else len(drive.steps)
        self.recording = Recording(script.name, self.framework)
        self.step: Step | None = None  # the one that is being made
        self.made = 0  # updates so far
        self.full = False  # whether all steps asked for are recorded
        self.over = False  # whether the time to go on after that is up

    def start(self) -> None:
        """Begin to watch."""
        raise NotImplementedError

    def stop(self) -> None:
        """Leave everything as it was."""
        raise NotImplementedError

    @property
    def given(self) -> Given | None:
        """What the step at hand is to be made on, when the script is driven."""
        return self.drive.steps[self.made] if self.drive and self.made < len(self.drive.steps) else None

    @property
    def judging(self) -> bool:
        """Whether the step at hand is to tell the loss alone, as in evaluation."""
        return self.drive is not None and self.drive.judged and self.made == self.limit - 1

    def finish(self, step: Step) -> None:
        """Keep a step that was made; raises Enough after the last that a driven script is asked for."""
        self.recording.losses.append(step.loss)
        self.made += 1
        self.step = None
        brief = self.drive is not None and self.drive.brief
        if not self.full:
            if brief:
                self.recording.steps.clear()
            self.recording.steps.append(step)
        if self.drive and self.drive.follow and self.made < self.limit:
            self.drive.steps[self.made].before = self.drive.follow(step)
        size = 0 if brief else sum(a.nbytes for a in step.before if a is not None) * 3
        if self.made >= self.limit or size * (self.made + 1) > ROOM:
            self.full = True
            if self.drive:
                raise Enough

    def leave(self) -> None:
        """End the script here, where it is safe, if its time is over."""
        if self.over:
            raise Enough

    def passed(self, size: int, training: bool, loss: float = float("nan")) -> None:
        """Note a pass without an update."""
        if len(self.recording.passes) < 5000:
            self.recording.passes.append(Pass(self.made, size, training, loss, self.line()))

    # The script's own source -----------------------------------------------------------------------------------------

    def frames(self) -> Iterator[FrameType]:
        """The frames of the user's own files, the innermost first."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            name = frame.f_code.co_filename
            if name.startswith(self.folder + os.sep) and "site-packages" not in name:
                yield frame
            frame = frame.f_back

    def line(self) -> Line | None:
        """The user's line that is being run."""
        for frame in self.frames():
            return Line(Path(frame.f_code.co_filename).name, frame.f_lineno)
        return None

    def mark(self, what: str) -> None:
        """Keep the line of the first time that something happens."""
        if what not in self.recording.lines and (line := self.line()):
            self.recording.lines[what] = line

    def name_of(self, value: Any) -> str:
        """What the user's code calls a value: a variable, an attribute, an entry of a list or dict; "" if nothing."""
        for frame in self.frames():
            for space in (frame.f_locals, frame.f_globals):
                if found := find(value, space):
                    return found
        return ""


def find(value: Any, space: dict[str, Any]) -> str:
    """The name under which a namespace holds a value."""
    for name, held in list(space.items()):
        if held is value:
            return name
    for name, held in list(space.items()):
        if isinstance(held, dict):
            for key, item in list(held.items()):
                if item is value:
                    return f"{name}[{key!r}]"
        elif isinstance(held, list | tuple):
            for number, item in enumerate(held):
                if item is value:
                    return f"{name}[{number}]"
        elif hasattr(held, "__dict__") and not isinstance(held, type) and not name.startswith("__"):
            for key, item in list(vars(held).items()):
                if item is value:
                    return f"{name}.{key}"
    return ""


def images_last(a: np.ndarray) -> np.ndarray:
    """(B, C, ...) as (B, ..., C)."""
    return np.moveaxis(a, 1, -1)
