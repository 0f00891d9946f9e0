"""A script's process as the command sees it: started, asked to run the script, and ended when it takes too long."""

from __future__ import annotations

import json
import pickle
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path

from compare.candidates.process import Process, Stopped
from compare.watch import worker
from compare.watch.recording import Drive, Recording
from compare.watch.supplied import Supply

__all__ = ["Here", "ScriptProcess", "Stopped", "Supply"]


class ScriptProcess(Process):
    """A script at work. Ask for one thing at a time; the answer may be fetched later."""

    worker = "compare.watch.worker"

    def __init__(self, path: Path, given: Supply, limit: float, folder: Path):
        super().__init__(path, json.dumps(asdict(given)), limit)
        self.folder, self.count = folder, 0
        self.where = "before its end"

    def watch(self, steps: int, seconds: float = 4.0) -> None:
        """Run the script as it is, record its first steps, and let it go on for some seconds."""
        self.count += 1
        self.give(steps=steps, seconds=seconds, out=str(self._out))

    def drive(self, drive: Drive) -> None:
        """Run the script on given weights, batches and gradients."""
        self.count += 1
        given = self._out.with_suffix(".drive")
        given.write_bytes(pickle.dumps(drive, protocol=5))
        self.give(steps=len(drive.steps), seconds=0.0, drive=str(given), out=str(self._out))

    def recording(self) -> Recording:
        """What the last run recorded; Stopped if there is nothing."""
        self.answer()
        return Recording.load(self._out)

    @property
    def _out(self) -> Path:
        return self.folder / f"{self.path.stem}-{id(self)}-{self.count}.recording"


class Here:
    """A script at work in this very process, where many are judged: a framework is imported once."""

    def __init__(self, path: Path, given: Supply, limit: float, folder: Path):
        self.path, self.given = path, given
        self.session: worker.Session | None = None
        self.job: tuple[int, float, Drive | None] = (0, 0.0, None)

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def watch(self, steps: int, seconds: float = 4.0) -> None:
        self.job = (steps, seconds, None)

    def drive(self, drive: Drive) -> None:
        self.job = (len(drive.steps), 0.0, deepcopy(drive))

    def recording(self) -> Recording:
        try:
            self.session = self.session or worker.Session(self.path, self.given)
            return self.session.run(*self.job)
        except worker.Failure as error:
            raise Stopped(str(error), error.status) from None
