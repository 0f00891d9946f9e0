"""What a PyTorch script makes of its network's outputs beside the loss: classes by a threshold or an axis, figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor

from compare.watch.recording import Line, Pass, Recording, in_logits

SAME = {
    "squeeze", "unsqueeze", "view", "reshape", "flatten", "ravel", "detach", "cpu", "float", "double", "to",
    "contiguous", "__getitem__", "__get__", "softmax", "log_softmax", "exp", "sigmoid", "logsigmoid", "clone",
}  # fmt: skip
LARGEST = {"argmax", "max", "topk"}
COMPARED = {"gt", "ge", "lt", "le", "__gt__", "__ge__", "__lt__", "__le__"}
READ = {"item", "__float__", "__int__"}


class Answers:
    """Follows the outputs of a network, and notes the first decision of each kind."""

    def __init__(self, recording: Recording, line: Callable[[], Line | None]):
        self.recording, self.line = recording, line
        self.reading: Pass | None = None  # the pass that figures are read of

    def given(self, output: Any) -> None:
        """A network has given this."""
        if isinstance(output, Tensor):
            output._answer = True  # type: ignore[attr-defined]

    def seen(self, name: str, args: tuple, kwargs: dict, result: Any) -> None:
        """A function of torch was called."""
        x = args[0] if args else None
        if not isinstance(x, Tensor):
            return
        if name in READ:
            if self.reading is not None and len(self.reading.numbers) < 8:
                self.reading.numbers.append(float(result))
            return
        if name in SAME and isinstance(result, Tensor) and result is not x:
            if hasattr(x, "_answer"):
                result._answer = True  # type: ignore[attr-defined]
            if name == "sigmoid" or hasattr(x, "_squashed"):
                result._squashed = True  # type: ignore[attr-defined]
        if not hasattr(x, "_answer"):
            return
        if name in LARGEST and x.dim() > 1 and x.shape[-1] > 1:
            place = 2 if name == "topk" else 1
            axis = args[place] if len(args) > place else kwargs.get("dim", -1 if name == "topk" else None)
            if axis is None and name == "max":
                return  # The largest number of all is no decision.
            self._note("axis", None if axis is None else int(axis) % x.dim() - x.dim())
        elif name == "round":
            self._note("threshold", in_logits(0.5, hasattr(x, "_squashed")))
        elif name in COMPARED and len(args) > 1 and isinstance(args[1], int | float):
            self._note("threshold", in_logits(float(args[1]), hasattr(x, "_squashed")))

    def _note(self, what: str, value: Any) -> None:
        self.recording.decisions.setdefault(what, (value, self.line()))
