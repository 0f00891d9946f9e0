"""The same network as a tutorial writes it in PyTorch: nn.Sequential, torch.optim, and the usual five lines a batch."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn


class MLP:
    """As much of a template as timing needs: relu layers under a cross-entropy, sgd or Adam."""

    def __init__(self, config: dict[str, Any], params: list):
        self.dtype, self.binary = getattr(torch, config["dtype"]), config["loss"] == "binary_cross_entropy"
        layers: list[nn.Module] = []
        for n, m in pairwise(config["layer_sizes"]):
            layers += [nn.Linear(n, m, dtype=self.dtype), nn.ReLU()]
        self.net = nn.Sequential(*layers[:-1])
        self.criterion: nn.Module = nn.BCEWithLogitsLoss() if self.binary else nn.CrossEntropyLoss()
        optimizer = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}[config["optimizer"]]
        self.optimizer = optimizer(self.net.parameters(), lr=config["learning_rate"])
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
        inputs = torch.tensor(x, dtype=self.dtype)
        targets = torch.tensor(y[:, None], dtype=self.dtype) if self.binary else torch.tensor(y)
        history = []
        for epoch in range(epochs):
            total, samples = 0.0, torch.tensor(order(epoch))
            for batch in samples.split(batch_size):
                self.optimizer.zero_grad()
                loss = self.criterion(self.net(inputs[batch]), targets[batch])
                loss.backward()
                self.optimizer.step()
                total += len(batch) * loss.item()
            history.append(total / len(x))
        return {"loss": history}

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Class ids (N,)."""
        with torch.no_grad():
            z = self.net(torch.tensor(x, dtype=self.dtype)).numpy()
        return (z[:, 0] > 0).astype(int) if self.binary else z.argmax(axis=1)

    def _layers(self) -> list[nn.Linear]:
        return [layer for layer in self.net if isinstance(layer, nn.Linear)]

    @property
    def params(self) -> list:
        return [
            (layer.weight.detach().numpy().T.copy(), layer.bias.detach().numpy().copy()) for layer in self._layers()
        ]

    def set_params(self, params: list) -> None:
        with torch.no_grad():
            for layer, (W, b) in zip(self._layers(), params, strict=True):
                layer.weight.copy_(torch.tensor(W.T))
                layer.bias.copy_(torch.tensor(b))
