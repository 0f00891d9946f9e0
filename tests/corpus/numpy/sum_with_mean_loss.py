# expect: gradient-not-averaged
# The gradient is summed over the batch, the loss is a mean.
import numpy as np


class Net:
    def __init__(self):
        self.W1 = np.random.randn(4, 8) * 0.1
        self.b1 = np.zeros(8)
        self.W2 = np.random.randn(8, 3) * 0.1
        self.b2 = np.zeros(3)

    def forward(self, X):
        self.a = np.tanh(X @ self.W1 + self.b1)
        s = self.a @ self.W2 + self.b2
        e = np.exp(s - s.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def train_step(self, X, y, lr=0.01):
        p = self.forward(X)
        loss = -np.log(p[range(len(y)), y]).mean()
        d = p
        d[range(len(y)), y] -= 1
        dh = d @ self.W2.T * (1 - self.a**2)
        self.W2 -= lr * self.a.T @ d
        self.b2 -= lr * d.sum(0)
        self.W1 -= lr * X.T @ dh
        self.b1 -= lr * dh.sum(0)
        return loss


def candidate():
    return Net()
