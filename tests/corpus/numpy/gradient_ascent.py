# expect: loss-factor
import numpy as np


class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(4, 8) * 0.1, np.zeros(8)
        self.W2, self.b2 = np.random.randn(8, 3) * 0.1, np.zeros(3)
        self.lr = 0.01

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        s = self.h @ self.W2 + self.b2
        e = np.exp(s - s.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def train_step(self, X, y):
        p = self.forward(X)
        Y = np.eye(3)[y]
        loss = -(Y * np.log(p)).sum(1).mean()
        d = (Y - p) / len(y)
        dh = d @ self.W2.T * (1 - self.h**2)
        self.W2 -= self.lr * self.h.T @ d
        self.b2 -= self.lr * d.sum(0)
        self.W1 -= self.lr * X.T @ dh
        self.b1 -= self.lr * dh.sum(0)
        return loss


def candidate():
    return Net()
