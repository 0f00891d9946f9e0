"""The same network as a tutorial writes it in NumPy: a loop over the batches, new arrays at every line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


class MLP:
    """As much of a template as timing needs: relu layers under a cross-entropy, sgd."""

    def __init__(self, config: dict[str, Any], params: list):
        if config["optimizer"] != "sgd":
            raise ValueError(f"the tutorial's loop has no {config['optimizer']}")
        self.loss, self.rate, self.dtype = config["loss"], config["learning_rate"], config["dtype"]
        self.set_params(params)

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        *,
        epochs: int,
        batch_size: int,
        order: Callable[[int], np.ndarray],
        verbose: bool = False,
    ) -> dict[str, list[float]]:
        """Train as a template's `fit` does."""
        x, history = x.astype(self.dtype), []
        for epoch in range(epochs):
            total, samples = 0.0, order(epoch)
            for start in range(0, len(x), batch_size):
                batch = samples[start : start + batch_size]
                total += len(batch) * self._step(x[batch], y[batch])
            history.append(total / len(x))
        return {"loss": history}

    def _step(self, x: np.ndarray, y: np.ndarray) -> float:
        activations = [x]
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            activations.append(np.maximum(0, activations[-1] @ W + b))
        z = activations[-1] @ self.W[-1] + self.b[-1]
        if self.loss == "softmax_cross_entropy":
            e = np.exp(z - z.max(axis=1, keepdims=True))
            p = e / e.sum(axis=1, keepdims=True)
            target = np.eye(z.shape[1], dtype=z.dtype)[y]
            loss = -np.log((p * target).sum(axis=1)).mean()
        else:
            target = y.reshape(-1, 1).astype(z.dtype)
            p = 1 / (1 + np.exp(-z))
            loss = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
        d = (p - target) / len(x)
        for i in reversed(range(len(self.W))):
            dW, db = activations[i].T @ d, d.sum(axis=0)
            if i:
                d = (d @ self.W[i].T) * (activations[i] > 0)
            self.W[i] = self.W[i] - self.rate * dW
            self.b[i] = self.b[i] - self.rate * db
        return float(loss)

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Class ids (N,)."""
        a = x
        for W, b in zip(self.W[:-1], self.b[:-1], strict=True):
            a = np.maximum(0, a @ W + b)
        z = a @ self.W[-1] + self.b[-1]
        return z.argmax(axis=1) if z.shape[1] > 1 else (z[:, 0] > 0).astype(int)

    @property
    def params(self) -> list:
        return list(zip(self.W, self.b, strict=True))

    def set_params(self, params: list) -> None:
        self.W = [W.astype(self.dtype) for W, _ in params]
        self.b = [b.astype(self.dtype) for _, b in params]
