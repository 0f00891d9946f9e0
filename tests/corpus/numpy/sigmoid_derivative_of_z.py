# expect: derivative-of-activation
import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def sigmoid_derivative(x):
    return x * (1 - x)  # meant for x = sigmoid(z)


class Net:
    def __init__(self):
        self.w1, self.b1 = np.random.randn(4, 8), np.zeros(8)
        self.w2, self.b2 = np.random.randn(8, 3), np.zeros(3)

    def forward(self, x):
        self.z1 = x @ self.w1 + self.b1
        self.a1 = sigmoid(self.z1)
        z = self.a1 @ self.w2 + self.b2
        e = np.exp(z - z.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def train_step(self, x, y, lr=0.1):
        p = self.forward(x)
        loss = -np.mean(np.log(p[np.arange(len(y)), y]))
        d = p.copy()
        d[np.arange(len(y)), y] -= 1
        d /= len(y)
        d1 = d @ self.w2.T * sigmoid_derivative(self.z1)
        self.w2 -= lr * self.a1.T @ d
        self.b2 -= lr * d.sum(axis=0)
        self.w1 -= lr * x.T @ d1
        self.b1 -= lr * d1.sum(axis=0)
        return loss


def candidate():
    return Net()
