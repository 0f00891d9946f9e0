"""What is recorded of a training script, as plain data that one process writes and another reads.

Every array of a network is kept in one layout, whatever the framework's own, so that two recordings can be held against
each other: dense kernels (in, out), convolutions (height, width, in, out), recurrent kernels (in, gates · units) with
the gates in Keras' order, images (batch, height, width, channels). The module of a framework in this room translates.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Arrays = list[np.ndarray | None]


@dataclass(frozen=True)
class Line:
    """A place in the user's own source."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"{self.file}, line {self.number}"


@dataclass
class Parameter:
    """An array that a network keeps: trained, or a running statistic."""

    name: str
    kind: str  # of the layer: "dense", "conv", "embedding", "norm", "lstm", "gru", "rnn", "free"
    role: str  # "kernel", "recurrent kernel", "bias", "scale", "table", "running mean", "running variance", "weight"
    initial: np.ndarray
    trained: bool = True
    line: Line | None = None  # where it is first used
    parts: list[np.ndarray] = field(default_factory=list)  # where it is a sum of several of the framework's own

    @property
    def shape(self) -> tuple[int, ...]:
        return self.initial.shape


@dataclass
class Op:
    """What a pass through the network does, in order: a layer with parameters, or a function without."""

    name: str  # "linear", "conv", "relu", "max_pool", "dropout", "cross_entropy", ...
    label: str  # as the script's author would know it: "fc1 (Linear)"
    options: dict[str, Any] = field(default_factory=dict)
    parameters: tuple[int, ...] = ()  # numbers in Recording.parameters
    shape: tuple[int, ...] = ()  # of its output, without the batch
    line: Line | None = None


@dataclass
class Step:
    """One update of the weights."""

    inputs: list[np.ndarray] = field(default_factory=list)  # what goes into the network, in its own shape and dtype
    targets: list[np.ndarray] = field(default_factory=list)  # what its outputs are held against
    loss: float = float("nan")  # the number whose gradient is taken
    rates: tuple[float, ...] = ()  # the learning rate of every group of the optimizer; () if it shows none
    before: Arrays = field(default_factory=list)  # every parameter before the step
    after: Arrays = field(default_factory=list)  # and after it
    gradients: Arrays = field(default_factory=list)  # of the loss; [] if not shown
    applied: Arrays = field(default_factory=list)  # as the optimizer gets them, clipped for instance
    values: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)  # op -> its input and output
    epoch: int = 0
    training: bool = True  # whether the network was in training mode
    masks: int = 0  # dropouts that were on
    draws: int = 0  # of noise, inside of the network
    backwards: int = 1  # times that a gradient was taken
    parts: int = 1  # batches whose gradients were added up; inputs and targets are those of each after the other

    @property
    def whole(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Inputs and targets as one batch each, where several had their gradients added up."""
        return self._joined(self.inputs), self._joined(self.targets)

    def _joined(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        each, left = divmod(len(arrays), self.parts)
        if self.parts == 1 or left or not each or not all(np.ndim(a) for a in arrays):
            return arrays
        return [np.concatenate(arrays[k::each]) for k in range(each)]


@dataclass
class Pass:
    """A pass of data through the network from which no update came."""

    step: int  # the number of updates before it
    size: int  # samples
    training: bool  # whether the network was in training mode
    loss: float = float("nan")
    line: Line | None = None
    numbers: list[float] = field(default_factory=list)  # that the script reads of what comes of it, in order


@dataclass
class Recording:
    """A training script as it was watched."""

    script: str
    framework: str = ""
    version: str = ""
    parameters: list[Parameter] = field(default_factory=list)
    ops: list[Op] = field(default_factory=list)  # of the first step
    steps: list[Step] = field(default_factory=list)
    passes: list[Pass] = field(default_factory=list)
    optimizer: str = ""  # the class of the optimizer; "" where the script updates its weights itself
    options: list[dict[str, Any]] = field(default_factory=list)  # of every group, at the first step
    loader: dict[str, Any] = field(default_factory=dict)  # batch size, shuffling, drop_last, as far as they show
    lines: dict[str, Line] = field(default_factory=dict)  # "model", "loss", "backward", "optimizer", "step", "data"
    losses: list[float] = field(default_factory=list)  # of every step, also of those that are not recorded in full
    notes: list[str] = field(default_factory=list)
    decisions: dict[str, tuple[Any, Line | None]] = field(default_factory=dict)
    """How classes are made of outputs: "threshold", in terms of logits, and "axis", counted from the last as -1; None
    for an axis over all."""
    joins: bool = False  # whether one loss comes of several passes of data
    kept: list[bool] = field(default_factory=list)  # of all passes with gradients on: whether a step is made of it
    evaluates: bool = False  # by its framework's own evaluate
    printed: str = ""
    ended: bool = False  # whether the script came to its own end

    def save(self, path: Path) -> None:
        """Write it whole."""
        with path.open("wb") as file:
            pickle.dump(self, file, protocol=5)

    @staticmethod
    def load(path: Path) -> Recording:
        """Read what `save` wrote in a process of ours."""
        with path.open("rb") as file:
            recording = pickle.load(file)
        assert isinstance(recording, Recording)
        return recording


def in_logits(threshold: float, squashed: bool) -> float:
    """A threshold in terms of logits: where the outputs were squashed by a sigmoid, of what went into it."""
    if not squashed or not 0 < threshold < 1:
        return threshold
    return math.log(threshold / (1 - threshold))


@dataclass
class Given:
    """What a driven step is given in place of the script's own; None where it keeps that."""

    before: Arrays = field(default_factory=list)
    inputs: Arrays = field(default_factory=list)
    targets: Arrays = field(default_factory=list)
    gradients: Arrays = field(default_factory=list)  # which the script clips and applies
    backwards: int = 1  # after how many gradients, which add up, these take their place
    values: dict[int, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)  # of layers, whatever they gave


@dataclass
class Drive:
    """The steps that a script makes on given weights, batches and gradients."""

    steps: list[Given]
    dtype: str = "float64"
    seed: int = 0  # of the dropouts' masks
    follow: Callable[[Step], Arrays] | None = None  # what the weights are after a step, in place of the script's update
    judged: bool = False  # the last step is to tell the loss alone: no dropout, running statistics as they stand
    brief: bool = False  # no layers' values, and of the steps but the last only their losses

    def mask(self, step: int, number: int, shape: tuple[int, ...], rate: float) -> np.ndarray:
        """Which entries the dropout of this number keeps at a step: 1 or 0, in the recording's layout."""
        random = np.random.default_rng([self.seed, step, number])
        return (random.random(shape) >= rate).astype(float)

    def noise(self, step: int, number: int, shape: tuple[int, ...], law: str) -> np.ndarray:
        """What the draw of this number gives at a step, inside of the network: standard "normal", or "uniform"."""
        random = np.random.default_rng([self.seed, step, number, 1])
        return random.standard_normal(shape) if law == "normal" else random.random(shape)
