# expect: refused no weights
import numpy as np


class MLP:
    def __init__(self, hidden=8, epochs=100, lr=0.1):
        self.hidden, self.epochs, self.lr = hidden, epochs, lr

    def forward(self, X):
        return np.tanh(X @ self.w1) @ self.w2

    def fit(self, X, y):
        self.w1 = np.random.randn(X.shape[1], self.hidden)
        self.w2 = np.random.randn(self.hidden, 1)
        return self


def candidate():
    return MLP()
