# expect: equal
# The quadratic cost of the book has a half in front; each sample is a column.
import numpy as np


class Network:
    def __init__(self, sizes=(4, 6, 3)):
        self.num_layers = len(sizes)
        self.sizes = sizes
        self.biases = [np.random.randn(y, 1) for y in sizes[1:]]
        self.weights = [np.random.randn(y, x) for x, y in zip(sizes[:-1], sizes[1:])]

    def feedforward(self, a):
        for b, w in zip(self.biases, self.weights):
            a = sigmoid(np.dot(w, a) + b)
        return a

    def update_mini_batch(self, mini_batch, eta):
        nabla_b = [np.zeros(b.shape) for b in self.biases]
        nabla_w = [np.zeros(w.shape) for w in self.weights]
        for x, y in mini_batch:
            activation, activations, zs = x, [x], []
            for b, w in zip(self.biases, self.weights):
                z = np.dot(w, activation) + b
                zs.append(z)
                activation = sigmoid(z)
                activations.append(activation)
            delta = activations[-1] - y  # the cross-entropy cost
            for layer in range(1, self.num_layers):
                if layer > 1:
                    sp = sigmoid(zs[-layer]) * (1 - sigmoid(zs[-layer]))
                    delta = np.dot(self.weights[-layer + 1].T, delta) * sp
                nabla_b[-layer] += delta / 3
                nabla_w[-layer] += np.dot(delta, activations[-layer - 1].T) / 3
        n = len(mini_batch)
        self.weights = [w - (eta / n) * nw for w, nw in zip(self.weights, nabla_w)]
        self.biases = [b - (eta / n) * nb for b, nb in zip(self.biases, nabla_b)]


def sigmoid(z):
    return 1.0 / (1.0 + np.exp(-z))


def candidate():
    return {"model": Network(), "config": {"loss": "binary_cross_entropy", "learning_rate": 0.5}}
