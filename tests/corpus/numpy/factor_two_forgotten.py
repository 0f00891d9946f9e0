# expect: loss-factor
import numpy as np


class Regression:
    def __init__(self):
        self.w1, self.b1 = np.random.randn(10, 8) * 0.3, np.zeros(8)
        self.w2, self.b2 = np.random.randn(8, 1) * 0.3, np.zeros(1)

    def predict(self, x):
        self.h = 1 / (1 + np.exp(-(x @ self.w1 + self.b1)))
        return self.h @ self.w2 + self.b2

    def train_step(self, x, y, lr=0.1):
        out = self.predict(x)
        loss = np.mean((out - y) ** 2)
        d = (out - y) / len(x)  # the 2 of the square is missing
        dh = d @ self.w2.T * self.h * (1 - self.h)
        self.w2 -= lr * self.h.T @ d
        self.b2 -= lr * d.sum(axis=0)
        self.w1 -= lr * x.T @ dh
        self.b1 -= lr * dh.sum(axis=0)
        return loss


def candidate():
    return Regression()
