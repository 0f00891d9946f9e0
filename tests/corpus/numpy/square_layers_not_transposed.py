# expect: weights-not-turned-in-way-back
import numpy as np
class Net:
    """square hidden layers, so a wrong transpose fits"""
    def __init__(self, lr=0.1):
        self.lr = lr
        r = np.random.default_rng(3)
        self.weights = [r.normal(0, .4, (10, 10)), r.normal(0, .4, (10, 10)), r.normal(0, .4, (10, 1))]
        self.biases = [np.zeros(10), np.zeros(10), np.zeros(1)]
    def forward(self, x):
        self.a = [x]
        for W, b in zip(self.weights[:-1], self.biases[:-1]):
            self.a.append(np.tanh(self.a[-1] @ W + b))
        return self.a[-1] @ self.weights[-1] + self.biases[-1]
    def train_step(self, x, y):
        out = self.forward(x)
        d = 2 * (out - y.reshape(out.shape)) / len(x)
        loss = np.mean((out - y.reshape(out.shape)) ** 2)
        grads = []
        for i in (2, 1, 0):
            grads.append((i, self.a[i].T @ d, d.sum(0)))
            if i == 2:
                d = d @ self.weights[2].T * (1 - self.a[2] ** 2)
            elif i == 1:
                d = d @ self.weights[1] * (1 - self.a[1] ** 2)
        for i, gW, gb in grads:
            self.weights[i] -= self.lr * gW
            self.biases[i] -= self.lr * gb
        return loss
def candidate():
    return {"model": Net(), "config": {"learning_rate": 0.1, "loss": "mse"}}
