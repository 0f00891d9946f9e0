"""A trap in a program, and what the program means to be."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Trip:
    """A trap in a program: the part that has it, its faulty code, and what the program means to be."""

    trap: str
    part: str
    bad: str
    config: dict[str, Any] = field(default_factory=dict)
    others: dict[str, str] = field(default_factory=dict)  # parts of the program
    around: str = "{}"  # what the pasted line is set into
    left: tuple[tuple[str, str], ...] = ()  # traps that the mended program still has, or follows on purpose


ADAM, MOMENTUM = {"optimizer": "adam", "learning_rate": 0.01}, {"optimizer": "momentum", "learning_rate": 0.1}
RMSPROP = {"optimizer": "rmsprop", "learning_rate": 0.01, "beta2": 0.99}
MSE, CLIP, DECAY = {"loss": "mse"}, {"clip_norm": 0.05}, {"weight_decay": 0.25}
STEP_BY_STEP = {"schedule": "exponential", "schedule_steps": 1, "schedule_rate": 0.9}
