# expect: equal
import numpy as np


class NeuralNetwork:
    def __init__(self, n_in=4, n_hidden=8, n_out=3, lr=0.1):
        rng = np.random.default_rng(42)
        self.W1 = rng.normal(0, 0.1, (n_in, n_hidden))
        self.b1 = np.zeros(n_hidden)
        self.W2 = rng.normal(0, 0.1, (n_hidden, n_out))
        self.b2 = np.zeros(n_out)
        self.lr = lr

    def forward(self, X):
        self.z1 = X @ self.W1 + self.b1
        self.a1 = np.tanh(self.z1)
        self.z2 = self.a1 @ self.W2 + self.b2
        e = np.exp(self.z2 - self.z2.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def fit(self, X, y, epochs=1000):
        losses = []
        for _ in range(epochs):
            p = self.forward(X)
            n = len(y)
            losses.append(-np.log(p[np.arange(n), y]).mean())
            d2 = p.copy()
            d2[np.arange(n), y] -= 1
            d2 /= n
            d1 = d2 @ self.W2.T * (1 - self.a1**2)
            self.W2 -= self.lr * self.a1.T @ d2
            self.b2 -= self.lr * d2.sum(axis=0)
            self.W1 -= self.lr * X.T @ d1
            self.b1 -= self.lr * d1.sum(axis=0)
        return losses


def candidate():
    return NeuralNetwork()
