# expect: gradient-through-updated-weights
import numpy as np


class Layer:
    def __init__(self, n, m):
        self.W = np.random.randn(n, m) * 0.1
        self.b = np.zeros(m)


class MLP:
    def __init__(self):
        self.layers = [Layer(4, 10), Layer(10, 3)]
        self.learning_rate = 0.5

    def forward(self, x):
        self.acts = [x]
        for i, layer in enumerate(self.layers):
            x = x @ layer.W + layer.b
            if i + 1 < len(self.layers):
                x = np.maximum(x, 0)
            self.acts.append(x)
        return x

    def train_step(self, x, y):
        z = self.forward(x)
        z = z - z.max(1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(1, keepdims=True)
        loss = -np.log(p[np.arange(len(y)), y]).mean()
        d = (p - np.eye(3)[y]) / len(y)
        for i in reversed(range(len(self.layers))):
            layer, a = self.layers[i], self.acts[i]
            layer.W -= self.learning_rate * a.T @ d
            layer.b -= self.learning_rate * d.sum(0)
            d = (d @ layer.W.T) * (a > 0)  # W has moved already
        return loss


def candidate():
    return {"model": MLP(), "config": {"loss": "softmax_cross_entropy"}}
