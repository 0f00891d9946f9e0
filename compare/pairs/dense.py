"""The NumPy reference as a script's network of dense layers: weights and gradients in the order of its recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from compare.pairs.batches import Batch
from compare.watch.plan import layers_of
from compare.watch.plan_loss import targets_of
from compare.watch.recording import Arrays, Parameter
from impls import mlp_numpy


class Dense:
    """A network that the reference has. `order` are the numbers of every layer's kernel and bias."""

    def __init__(self, order: Sequence[tuple[int, ...]], fields: dict[str, Any], parameters: list[Parameter]):
        """`fields` are the Config's; ValueError where they make no sense."""
        self.order, self.shapes = order, [p.shape for p in parameters]
        self.sizes, self.loss = fields["layer_sizes"], fields["loss"]
        self.model = mlp_numpy.MLP(mlp_numpy.Config(**fields, seed=0))

    def gradients(self, weights: Arrays, batch: Batch) -> tuple[float, Arrays]:
        """The loss of a batch, and the gradients of all parameters; ValueError where the batch does not fit.

        Inexpressible where the targets have no form that the loss takes.
        """
        x = np.reshape(batch[0][0], (len(batch[0][0]), -1)).astype(float)
        y = targets_of(np.asarray(batch[1][0]), self.loss, self.sizes[-1])
        self.model.set_params(layers_of(weights, self.order))
        loss, found = self.model.gradients(x, y)
        gradients: Arrays = [None] * len(self.shapes)
        for layer, values in zip(self.order, found, strict=True):
            for p, g in zip(layer, values, strict=True):
                gradients[p] = g.reshape(self.shapes[p])
        return loss, gradients
