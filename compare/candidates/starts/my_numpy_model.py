"""A model in NumPy, or in anything that speaks it: python compare/check.py my_numpy_model.py

Put your own in the place of the class. The members below are needed. With `gradients(x, y)` and `state`, `set_state`
as in impls/mlp_numpy.py, these are compared too. An edited copy of a template needs nothing more at all.
"""

import itertools

import numpy as np

SIZES, LEARNING_RATE = (4, 16, 3), 0.1


class Model:
    def __init__(self):
        self.layers = [(np.zeros((n, m)), np.zeros(m)) for n, m in itertools.pairwise(SIZES)]

    @property
    def params(self):
        """[(W (in, out), b (out,)), ...]."""
        return [(W.copy(), b.copy()) for W, b in self.layers]

    def set_params(self, params):
        self.layers = [(W.copy(), b.copy()) for W, b in params]

    def forward(self, x):
        """The last layer's linear outputs, (B, out)."""
        (W1, b1), (W2, b2) = self.layers
        return np.tanh(x @ W1 + b1) @ W2 + b2

    def train_step(self, x, y):
        """One update; the loss before it. x is (B, in), y is (B,): class ids, or numbers."""
        (W1, b1), (W2, b2) = self.layers
        a = np.tanh(x @ W1 + b1)
        z = a @ W2 + b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        d = (p - np.eye(p.shape[1])[y]) / len(y)
        d1 = d @ W2.T * (1 - a * a)
        for array, gradient in ((W2, a.T @ d), (b2, d.sum(axis=0)), (W1, x.T @ d1), (b1, d1.sum(axis=0))):
            array -= LEARNING_RATE * gradient
        return loss


def candidate():
    config = {
        "layer_sizes": SIZES,
        "activation": "tanh",
        "loss": "softmax_cross_entropy",
        "optimizer": "sgd",
        "learning_rate": LEARNING_RATE,
    }
    return {"model": Model(), "config": config}
