# expect: equal
# As in a well-known online course: X is (n_x, m).
import numpy as np


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


class Model:
    def __init__(self, n_x=2, n_h=6, n_y=1, learning_rate=0.5):
        np.random.seed(3)
        self.parameters = {
            "W1": np.random.randn(n_h, n_x) * 0.01,
            "b1": np.zeros((n_h, 1)),
            "W2": np.random.randn(n_y, n_h) * 0.01,
            "b2": np.zeros((n_y, 1)),
        }
        self.learning_rate = learning_rate
        self.costs = []

    def forward_propagation(self, X):
        p = self.parameters
        Z1 = np.dot(p["W1"], X) + p["b1"]
        A1 = np.tanh(Z1)
        Z2 = np.dot(p["W2"], A1) + p["b2"]
        A2 = sigmoid(Z2)
        return A2, {"Z1": Z1, "A1": A1, "Z2": Z2, "A2": A2}

    def train(self, X, Y, num_iterations=10000, print_cost=False):
        m = X.shape[1]
        for i in range(num_iterations):
            A2, cache = self.forward_propagation(X)
            self.costs.append(float(-np.mean(Y * np.log(A2) + (1 - Y) * np.log(1 - A2))))
            dZ2 = A2 - Y
            dW2 = np.dot(dZ2, cache["A1"].T) / m
            db2 = np.sum(dZ2, axis=1, keepdims=True) / m
            dZ1 = np.dot(self.parameters["W2"].T, dZ2) * (1 - np.power(cache["A1"], 2))
            dW1 = np.dot(dZ1, X.T) / m
            db1 = np.sum(dZ1, axis=1, keepdims=True) / m
            for name, grad in (("W1", dW1), ("b1", db1), ("W2", dW2), ("b2", db2)):
                self.parameters[name] = self.parameters[name] - self.learning_rate * grad


def candidate():
    return Model()
