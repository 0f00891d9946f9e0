# expect: equal
import numpy as np
class Dense:
    def __init__(self, n_in, n_out):
        self.weights = 0.1 * np.random.randn(n_in, n_out)
        self.biases = np.zeros((1, n_out))
    def forward(self, inputs):
        self.inputs = inputs
        return inputs @ self.weights + self.biases
    def backward(self, d):
        self.dweights = self.inputs.T @ d
        self.dbiases = d.sum(axis=0, keepdims=True)
        return d @ self.weights.T
class Tanh:
    def forward(self, x):
        self.out = np.tanh(x)
        return self.out
    def backward(self, d):
        return d * (1 - self.out ** 2)
class Network:
    def __init__(self, *layers, lr=0.1):
        self.layers = layers
        self.lr = lr
    def forward(self, x):
        for l in self.layers:
            x = l.forward(x)
        return x
    def train_on_batch(self, X, y):
        z = self.forward(X)
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        n = len(X)
        loss = -np.log(p[range(n), y.astype(int)]).mean()
        p[range(n), y.astype(int)] -= 1
        d = p / n
        for l in reversed(self.layers):
            d = l.backward(d)
        for l in self.layers:
            if isinstance(l, Dense):
                l.weights -= self.lr * l.dweights
                l.biases -= self.lr * l.dbiases
        return loss
def candidate():
    return {"model": Network(Dense(4, 16), Tanh(), Dense(16, 8), Tanh(), Dense(8, 3), lr=0.1), "config": {"learning_rate": 0.1}}
