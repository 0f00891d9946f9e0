# expect: equal
import numpy as np


class DeepNN:
    """Columns are samples, as in the course."""

    def __init__(self, dims=(4, 10, 3), lr=0.1):
        rng = np.random.default_rng(1)
        self.lr = lr
        self.L = len(dims) - 1
        self.W = [rng.standard_normal((dims[l + 1], dims[l])) * np.sqrt(2 / dims[l]) for l in range(self.L)]
        self.b = [np.zeros((dims[l + 1], 1)) for l in range(self.L)]

    def forward(self, X):
        A = X.T
        self.cache = [A]
        for l in range(self.L):
            Z = self.W[l] @ A + self.b[l]
            A = np.maximum(Z, 0) if l < self.L - 1 else Z
            self.cache.append(A)
        return A.T

    def train_step(self, X, Y):
        Z = self.forward(X).T
        Z = Z - Z.max(axis=0)
        P = np.exp(Z) / np.exp(Z).sum(axis=0)
        m = X.shape[0]
        T = np.eye(P.shape[0])[Y].T
        cost = -np.sum(T * np.log(P)) / m
        dZ = P - T
        grads = []
        for l in reversed(range(self.L)):
            A = self.cache[l]
            grads.append((dZ @ A.T / m, dZ.sum(axis=1, keepdims=True) / m))
            if l:
                dZ = (self.W[l].T @ dZ) * (A > 0)
        for l, (dW, db) in enumerate(reversed(grads)):
            self.W[l] -= self.lr * dW
            self.b[l] -= self.lr * db
        return cost


def candidate():
    return {"model": DeepNN(), "step": lambda m, x, y: m.train_step(x, y), "config": {
        "layer_sizes": (4, 10, 3), "activation": "relu", "loss": "softmax_cross_entropy", "optimizer": "sgd", "learning_rate": 0.1}}
