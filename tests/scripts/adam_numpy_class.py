# original
"""scikit-style numpy MLP with Adam in dicts and a fit method; He init; minibatch via permutation"""
import numpy as np
class MLP:
    def __init__(self, layers, lr=1e-2, seed=0):
        r = np.random.default_rng(seed)
        self.params = {}
        for i in range(1, len(layers)):
            self.params[f"W{i}"] = r.normal(0, np.sqrt(2 / layers[i-1]), (layers[i-1], layers[i]))
            self.params[f"b{i}"] = np.zeros((1, layers[i]))
        self.L = len(layers) - 1
        self.m = {k: np.zeros_like(v) for k, v in self.params.items()}
        self.v = {k: np.zeros_like(v) for k, v in self.params.items()}
        self.t, self.lr = 0, lr
    def forward(self, X):
        A = X; self.cache = [A]
        for i in range(1, self.L + 1):
            Z = A @ self.params[f"W{i}"] + self.params[f"b{i}"]
            A = np.maximum(Z, 0) if i < self.L else np.exp(Z - Z.max(1, keepdims=True)) / np.exp(Z - Z.max(1, keepdims=True)).sum(1, keepdims=True)
            self.cache.append(A)
        return A
    def step(self, X, Y):
        P = self.forward(X); d = (P - Y) / len(X); g = {}
        for i in range(self.L, 0, -1):
            g[f"W{i}"] = self.cache[i-1].T @ d; g[f"b{i}"] = d.sum(0, keepdims=True)
            if i > 1: d = (d @ self.params[f"W{i}"].T) * (self.cache[i-1] > 0)
        self.t += 1
        for k in self.params:
            self.m[k] = .9 * self.m[k] + .1 * g[k]; self.v[k] = .999 * self.v[k] + .001 * g[k]**2
            self.params[k] -= self.lr * (self.m[k] / (1 - .9**self.t)) / (np.sqrt(self.v[k] / (1 - .999**self.t)) + 1e-8)
        return -np.mean(np.log(P[np.arange(len(X)), Y.argmax(1)] + 1e-12))
    def fit(self, X, Y, epochs=20, bs=32):
        r = np.random.default_rng(1)
        for e in range(epochs):
            idx = r.permutation(len(X))
            for s in range(0, len(X), bs):
                b = idx[s:s+bs]; loss = self.step(X[b], Y[b])
            print(e, loss)
from sklearn.datasets import load_wine
X, y = load_wine(return_X_y=True); X = (X - X.mean(0)) / X.std(0)
MLP([13, 16, 8, 3]).fit(X, np.eye(3)[y])
