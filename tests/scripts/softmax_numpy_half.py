# port of softmax_numpy.py; expect: momentum, learning-rate
"""A two-layer softmax classifier of digits, with less momentum and a larger rate."""
import numpy as np
from sklearn.datasets import load_digits


class NeuralNetwork:
    def __init__(self, sizes, lr=0.2, momentum=0.5, seed=4):
        rng = np.random.RandomState(seed)
        self.lr, self.momentum = lr, momentum
        self.W1 = rng.randn(sizes[0], sizes[1]) * np.sqrt(2.0 / sizes[0])
        self.b1 = np.zeros(sizes[1])
        self.W2 = rng.randn(sizes[1], sizes[2]) * np.sqrt(2.0 / sizes[1])
        self.b2 = np.zeros(sizes[2])
        self.v = {name: np.zeros_like(getattr(self, name)) for name in ("W1", "b1", "W2", "b2")}

    def forward(self, X):
        self.z1 = X @ self.W1 + self.b1
        self.a1 = np.maximum(0, self.z1)
        scores = self.a1 @ self.W2 + self.b2
        e = np.exp(scores - scores.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def train_batch(self, X, y):
        probs = self.forward(X)
        loss = -np.log(probs[np.arange(len(X)), y]).mean()
        d2 = probs.copy()
        d2[np.arange(len(X)), y] -= 1
        d2 /= len(X)
        d1 = d2 @ self.W2.T * (self.z1 > 0)
        grads = {"W2": self.a1.T @ d2, "b2": d2.sum(0), "W1": X.T @ d1, "b1": d1.sum(0)}
        for name, g in grads.items():
            self.v[name] = self.momentum * self.v[name] - self.lr * g
            setattr(self, name, getattr(self, name) + self.v[name])
        return loss


digits = load_digits()
X, y = digits.data / 16.0, digits.target
net = NeuralNetwork([64, 24, 10])
for epoch in range(3):
    for start in range(0, len(X), 100):
        X_batch, y_batch = X[start : start + 100], y[start : start + 100]
        loss = net.train_batch(X_batch, y_batch)
    accuracy = (net.forward(X).argmax(axis=1) == y).mean()
    print(f"epoch {epoch}: loss {loss:.4f} accuracy {accuracy:.3f}")
