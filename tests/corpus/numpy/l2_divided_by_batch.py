# expect: decay-over-samples
import numpy as np

LAMBDA = 0.1


class Net:
    def __init__(self):
        self.W1, self.b1 = np.random.randn(13, 8) * 0.1, np.zeros(8)
        self.W2, self.b2 = np.random.randn(8, 3) * 0.1, np.zeros(3)

    def forward(self, X):
        self.h = np.tanh(X @ self.W1 + self.b1)
        s = self.h @ self.W2 + self.b2
        e = np.exp(s - s.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    def train_step(self, X, y, lr=0.1):
        p = self.forward(X)
        m = len(y)
        loss = -np.log(p[np.arange(m), y]).mean()
        d = (p - np.eye(3)[y]) / m
        dh = d @ self.W2.T * (1 - self.h**2)
        dW2 = self.h.T @ d + LAMBDA / m * self.W2
        dW1 = X.T @ dh + LAMBDA / m * self.W1
        self.W2 -= lr * dW2
        self.b2 -= lr * d.sum(0)
        self.W1 -= lr * dW1
        self.b1 -= lr * dh.sum(0)
        return loss


def candidate():
    return {"model": Net(), "config": {"weight_decay": LAMBDA}}
