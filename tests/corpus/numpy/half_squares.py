# expect: loss-factor
# J = 1/2m sum (h - y)^2, as the lecture notes have it, on both sides.
import numpy as np


class Regression:
    def __init__(self):
        self.w1, self.b1 = np.random.randn(10, 8) * 0.3, np.zeros(8)
        self.w2, self.b2 = np.random.randn(8, 1) * 0.3, np.zeros(1)
        self.alpha = 0.1

    def forward(self, x):
        self.h = np.tanh(x @ self.w1 + self.b1)
        return self.h @ self.w2 + self.b2

    def fit(self, X, y, n_iter=100):
        for _ in range(n_iter):
            m = len(X)
            out = self.forward(X)
            self.cost = float(np.sum((out - y) ** 2) / (2 * m))
            d = (out - y) / m
            dh = d @ self.w2.T * (1 - self.h**2)
            self.w2 -= self.alpha * self.h.T @ d
            self.b2 -= self.alpha * d.sum(axis=0)
            self.w1 -= self.alpha * X.T @ dh
            self.b1 -= self.alpha * dh.sum(axis=0)
        return self


def candidate():
    return Regression()
