"""What the harness asks of an implementation: the members that all three templates have."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

Layers = list[tuple[np.ndarray, ...]]  # [(W (in, out), b (out,)), ...], (W, b, g) for a batch-normalised layer


class Implementation(Protocol):
    """A multi-layer perceptron in training. Arrays go in and out in the layout that the templates document."""

    config: Any

    def forward(self, x: Any) -> Any:
        """The last layer's linear outputs in evaluation, (B, O); an array, or what the framework has for one."""

    def gradients(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> tuple[float, Layers]:
        """The training loss, and its gradient for every parameter; nothing is updated."""

    def train_step(self, x: np.ndarray, y: np.ndarray, masks: list | None = None) -> float:
        """Make one update, and return the loss before it."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Class ids, labels or values."""

    def evaluate(self, x: np.ndarray, y: np.ndarray) -> dict[str, float]:
        """The loss, and under a cross-entropy the accuracy."""

    @property
    def params(self) -> Layers:
        """Every weight matrix, bias and scale."""

    def set_params(self, params: Layers) -> None:
        """Take these parameters."""

    @property
    def state(self) -> dict[str, Any]:
        """{"step": int, slot: Layers, ...}, and with batch_norm {"running": [(mean, variance), ...]}."""

    def set_state(self, state: dict[str, Any]) -> None:
        """Take this state."""
