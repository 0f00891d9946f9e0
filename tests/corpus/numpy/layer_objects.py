# expect: equal
import numpy as np


class Dense:
    def __init__(self, n_in, n_out):
        self.weights = 0.1 * np.random.randn(n_in, n_out)
        self.biases = np.zeros((1, n_out))

    def forward(self, x):
        self.inputs = x
        return x @ self.weights + self.biases

    def backward(self, grad, lr):
        back = grad @ self.weights.T
        self.weights -= lr * self.inputs.T @ grad
        self.biases -= lr * grad.sum(axis=0, keepdims=True)
        return back


class ReLU:
    def forward(self, x):
        self.mask = x > 0
        return x * self.mask

    def backward(self, grad, lr):
        return grad * self.mask


class Network:
    def __init__(self):
        self.layers = [Dense(10, 16), ReLU(), Dense(16, 1)]

    def predict(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def train(self, x_train, y_train, epochs, learning_rate):
        for _ in range(epochs):
            out = self.predict(x_train)
            error = np.mean((out - y_train) ** 2)
            grad = 2 * (out - y_train) / out.size
            for layer in reversed(self.layers):
                grad = layer.backward(grad, learning_rate)
        return error


def candidate():
    return Network()
