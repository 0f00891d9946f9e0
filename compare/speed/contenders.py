"""Who is timed, and how each runs epochs with a clock that covers its training steps only."""

from __future__ import annotations

import ast
import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from compare.speed import peers
from compare.speed.work import Work

clock = time.perf_counter


@dataclass(frozen=True)
class Contender:
    """An implementation in one of its modes, alive in a process which it may share with a control of its own."""

    implementation: str
    mode: str
    process: str

    @property
    def labels(self) -> dict[str, str]:
        return {"implementation": self.implementation, "mode": self.mode}


REFERENCE = Contender("numpy", "fit", "numpy")
# The controls: the reference again, in a process of its own, must come out as fast; delayed by 5 %, slower. Two
# processes are never quite alike (where their memory lies decides a percent or two), so the two change places in every
# other round: that difference is then part of every interval rather than of one side.
AGAIN = Contender("numpy", "again", "numpy again")
DELAYED = Contender("numpy", "delayed", "numpy again")
PLACES = {"numpy": "numpy again", "numpy again": "numpy"}
PRODUCTS = (Contender("numpy", "products", "numpy"), Contender("torch", "products", "torch"))  # The floor.
RIVALS = (
    Contender("torch", "fit", "torch"),
    Contender("torch", "fast", "torch fast"),
    Contender("keras", "fit", "keras"),
    Contender("keras", "fast", "keras fast"),
    Contender("scikit-learn", "fit", "scikit-learn"),
)
CONTENDERS = (REFERENCE, AGAIN, DELAYED, *RIVALS, *PRODUCTS)
EXTRAS = tuple(  # What a user would write, and what is installed: timed by a run that is there for timing.
    Contender(name, mode, name if mode == "fit" else f"{name} {mode}")
    for name, modes in (
        ("numpy loop", ("fit",)),
        ("torch loop", ("fit",)),
        ("jax", ("fit", "fast")),
        ("nerva-numpy", ("fit",)),
    )
    if peers.installed(name)
    for mode in modes
)
EVERYDAY = tuple(c for c in CONTENDERS if c.process != "torch fast")  # Compiling takes longer than a default run has.
PLAIN = tuple(c for c in CONTENDERS if c.mode != "fast")  # For the quick run, which has seconds.
CONTROLS = ("again", "delayed", "products")  # Modes that nobody would use.
DELAY = 0.05


def module_of(implementation: str) -> str:
    """The module whose import is timed."""
    return peers.MODULES.get(implementation, f"impls.mlp_{implementation}")


def model_of(implementation: str, config: dict[str, Any], params: list) -> Any:
    """A template's MLP, or a peer's with the members that timing needs."""
    if implementation in peers.WRITTEN:
        return importlib.import_module(peers.WRITTEN[implementation]).MLP(config, params)
    module = importlib.import_module(module_of(implementation))
    return module.MLP(module.Config(**config), params)


class Runner(Protocol):
    """Something built for a work, that runs epochs of it."""

    def epochs(self, count: int) -> list[float]:
        """The seconds that each of `count` epochs took."""

    def predict(self, x: np.ndarray) -> Any:
        """What a user calls to use the model."""


class Template:
    """`fit` of a template or of a peer written like one.

    It asks for each epoch's order as the epoch begins: that is where the clock is read.
    """

    def __init__(self, work: Work, implementation: str, fast: bool):
        self.x, self.y = work.data()
        self.params = work.params()
        random = np.random.default_rng(2)
        self.orders = [random.permutation(len(self.x)) for _ in range(4)]
        self.options = {"batch_size": work.batch_size, "verbose": False} | ({"fast": True} if fast else {})
        self.model = model_of(implementation, work.config, self.params)
        self.predict = self.model.predict

    def epochs(self, count: int) -> list[float]:
        self.model.set_params(self.params)  # All turns train the same stretch.
        stamps: list[float] = []

        def order(epoch: int) -> np.ndarray:
            stamps.append(clock())
            return self.orders[epoch % len(self.orders)]

        self.model.fit(self.x, self.y, epochs=count, order=order, **self.options)
        return [after - before for before, after in pairwise([*stamps, clock()])]


class Products:
    """A step's matrix products alone, into buffers that are there: what no implementation can do without."""

    def __init__(self, work: Work, library: str):
        random = np.random.default_rng(0)
        drawn = [(random.standard_normal((i, j)), random.standard_normal((j, k))) for i, j, k in work.products]
        arrays = [(a.astype(work.dtype), b.astype(work.dtype)) for a, b in drawn]
        self.steps = work.steps
        if library == "numpy":
            self.multiply: Callable = np.matmul
            self.operands: list[tuple[Any, Any, Any]] = [
                (a, b, np.empty((len(a), b.shape[1]), work.dtype)) for a, b in arrays
            ]
        else:
            import torch

            self.multiply = torch.mm
            self.operands = [(torch.tensor(a), torch.tensor(b), torch.tensor(a @ b)) for a, b in arrays]

    def epochs(self, count: int) -> list[float]:
        return [self._epoch() for _ in range(count)]

    def _epoch(self) -> float:
        multiply, operands, start = self.multiply, self.operands, clock()
        for _ in range(self.steps):
            for a, b, out in operands:
                multiply(a, b, out=out)
        return clock() - start

    def predict(self, x: np.ndarray) -> None:
        raise NotImplementedError


# What each template has for its fast form alone.
FAST_PARTS = {
    "torch": ("_fit_fast", "_steps", "_direction"),
    "keras": ("_fit_fast", "_epoch_in_tensorflow", "_epoch_in_jax"),
}


def lines_of_code(contender: Contender) -> int | None:
    """Lines of a template that hold code, without comments and docstrings: all of them, or without the fast form."""
    path = Path(__file__).resolve().parents[2] / "impls" / f"mlp_{contender.implementation}.py"
    if not path.exists():
        return None
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = _code_lines(tree)
    if contender.mode != "fast":
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.name in FAST_PARTS.get(contender.implementation, ()):
                lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def _code_lines(tree: ast.AST) -> set[int]:
    """The numbers of the lines that hold a statement or a part of one, but for docstrings; blank lines hold none."""
    nodes: list[Any] = [node for node in ast.walk(tree) if hasattr(node, "lineno")]
    docstrings: set[int] = set()
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            docstrings |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return {int(line) for node in nodes for line in (node.lineno, node.end_lineno)} - docstrings


def build(contender: Contender, work: Work) -> Runner:
    """The contender, built for the work; its module is imported if need be."""
    if contender.mode == "products":
        return Products(work, contender.implementation)
    if contender.implementation == "scikit-learn":
        return peers.ScikitLearn(work)
    return Template(work, contender.implementation, contender.mode == "fast")
