"""The same network in nerva-numpy, with its own layers, loss and optimizer, and the loop of its own training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from nerva_numpy.activation_functions import ReLUActivation
from nerva_numpy.layers import ActivationLayer, LinearLayer
from nerva_numpy.loss_functions import StableSoftmaxCrossEntropyLossFunction
from nerva_numpy.multilayer_perceptron import MultilayerPerceptron


class MLP:
    """As much of a template as timing needs: relu layers under the softmax cross-entropy, sgd."""

    def __init__(self, config: dict[str, Any], params: list):
        if config["optimizer"] != "sgd":
            raise ValueError(f"nerva-numpy has no {config['optimizer']}")
        if config["loss"] != "softmax_cross_entropy":
            raise ValueError("nerva-numpy has no cross-entropy of one output")
        self.dtype, self.rate = config["dtype"], config["learning_rate"]
        self.loss = StableSoftmaxCrossEntropyLossFunction()
        sizes = [W.shape for W, _ in params]
        layers = [ActivationLayer(n, m, ReLUActivation()) for n, m in sizes[:-1]] + [LinearLayer(*sizes[-1])]
        for layer in layers:  # It makes all arrays float32.
            for name in ("W", "DW", "b", "Db"):
                setattr(layer, name, getattr(layer, name).astype(self.dtype))
            layer.set_optimizer("GradientDescent")
        self.model = MultilayerPerceptron(layers)
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
        """Train as a template's `fit` does, in the steps of nerva's stochastic_gradient_descent."""
        model, history = self.model, []
        targets = np.eye(len(model.layers[-1].b), dtype=self.dtype)[y]  # (N, classes)
        for epoch in range(epochs):
            samples, total = order(epoch), 0.0
            for start in range(0, len(samples), batch_size):
                batch = samples[start : start + batch_size]
                z, target = model.feedforward(x[batch]), targets[batch]
                total += float(self.loss(z, target))
                model.backpropagate(z, self.loss.gradient(z, target) / len(batch))
                model.optimize(self.rate)
            history.append(total / len(samples))
        return {"loss": history}

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Class ids (N,)."""
        return self.model.feedforward(x).argmax(axis=1)

    @property
    def params(self) -> list:
        return [(layer.W.T.copy(), layer.b.copy()) for layer in self.model.layers]

    def set_params(self, params: list) -> None:
        for layer, (W, b) in zip(self.model.layers, params, strict=True):
            layer.W[:], layer.b[:] = W.T, b
