# expect: frozen | not-in-optimizer
import numpy as np


class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(4, 8) * 0.1, np.zeros(8)
        self.W2, self.b2 = np.random.randn(8, 3) * 0.1, np.zeros(3)

    def forward(self, X):
        self.h = np.maximum(0, X @ self.W1 + self.b1)
        s = self.h @ self.W2 + self.b2
        e = np.exp(s - s.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def train_step(self, X, y, lr=0.1):
        p = self.forward(X)
        n = len(y)
        loss = -np.log(p[np.arange(n), y]).mean()
        d = p.copy()
        d[np.arange(n), y] -= 1
        d /= n
        dh = d @ self.W2.T * (self.h > 0)
        self.W2 -= lr * self.h.T @ d
        self.W1 -= lr * X.T @ dh
        return loss


def candidate():
    return Net()
