# expect: bias-gradient-over-units
import numpy as np


class Net:
    def __init__(self, lr=0.1):
        self.W1, self.b1 = np.random.randn(4, 8) * 0.1, np.zeros((1, 8))
        self.W2, self.b2 = np.random.randn(8, 3) * 0.1, np.zeros((1, 3))
        self.lr = lr

    def forward(self, X):
        self.A1 = np.tanh(X.dot(self.W1) + self.b1)
        Z2 = self.A1.dot(self.W2) + self.b2
        E = np.exp(Z2 - Z2.max(axis=1, keepdims=True))
        return E / E.sum(axis=1, keepdims=True)

    def train(self, X, y, epochs=1):
        for _ in range(epochs):
            P = self.forward(X)
            Y = np.eye(3)[y]
            dZ2 = (P - Y) / len(X)
            dZ1 = dZ2.dot(self.W2.T) * (1 - self.A1**2)
            self.W2 -= self.lr * self.A1.T.dot(dZ2)
            self.b2 -= self.lr * np.sum(dZ2)
            self.W1 -= self.lr * X.T.dot(dZ1)
            self.b1 -= self.lr * np.sum(dZ1)


def candidate():
    return Net()
