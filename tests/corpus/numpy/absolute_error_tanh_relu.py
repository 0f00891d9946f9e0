# expect: equal
import numpy as np


class Regressor:
    """Two hidden layers, tanh and then relu, and the mean absolute error."""

    def __init__(self, sizes=(10, 12, 8, 1), learning_rate=0.05):
        rng = np.random.default_rng(3)
        self.weights = [rng.normal(0, np.sqrt(1 / n), (n, m)) for n, m in zip(sizes[:-1], sizes[1:])]
        self.biases = [np.zeros(m) for m in sizes[1:]]
        self.learning_rate = learning_rate

    def forward(self, x):
        self.a1 = np.tanh(x @ self.weights[0] + self.biases[0])
        self.a2 = np.maximum(self.a1 @ self.weights[1] + self.biases[1], 0)
        return self.a2 @ self.weights[2] + self.biases[2]

    def train_step(self, x, y):
        error = self.forward(x) - y.reshape(-1, 1)
        d3 = np.sign(error) / len(x)
        d2 = d3 @ self.weights[2].T * (self.a2 > 0)
        d1 = d2 @ self.weights[1].T * (1 - self.a1**2)
        for i, (a, d) in enumerate(((x, d1), (self.a1, d2), (self.a2, d3))):
            self.weights[i] -= self.learning_rate * a.T @ d
            self.biases[i] -= self.learning_rate * d.sum(axis=0)
        return float(np.abs(error).mean())


def candidate():
    return Regressor(learning_rate=0.05)
