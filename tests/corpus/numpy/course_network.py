# expect: equal
import numpy as np
class NeuralNetwork:
    def __init__(self, layer_dims, learning_rate=0.0075):
        self.parameters = {}
        self.L = len(layer_dims) - 1
        self.learning_rate = learning_rate
        for l in range(1, self.L + 1):
            self.parameters["W" + str(l)] = np.random.randn(layer_dims[l], layer_dims[l - 1]) / np.sqrt(layer_dims[l - 1])
            self.parameters["b" + str(l)] = np.zeros((layer_dims[l], 1))
    def forward(self, X):
        self.cache = {"A0": X}
        A = X
        for l in range(1, self.L):
            Z = self.parameters["W" + str(l)] @ A + self.parameters["b" + str(l)]
            A = np.maximum(0, Z)
            self.cache["Z" + str(l)], self.cache["A" + str(l)] = Z, A
        ZL = self.parameters["W" + str(self.L)] @ A + self.parameters["b" + str(self.L)]
        return 1 / (1 + np.exp(-ZL))
    def train_step(self, X, Y):
        m = X.shape[1]
        AL = self.forward(X)
        cost = float(np.squeeze(-(Y @ np.log(AL).T + (1 - Y) @ np.log(1 - AL).T) / m))
        dZ = AL - Y
        grads = {}
        for l in range(self.L, 0, -1):
            grads["W" + str(l)] = dZ @ self.cache["A" + str(l - 1)].T / m
            grads["b" + str(l)] = dZ.sum(axis=1, keepdims=True) / m
            if l > 1:
                dZ = (self.parameters["W" + str(l)].T @ dZ) * (self.cache["Z" + str(l - 1)] > 0)
        for k, g in grads.items():
            self.parameters[k] -= self.learning_rate * g
        return cost
def candidate():
    np.random.seed(1)
    return {"model": NeuralNetwork([30, 20, 7, 1]), "config": {"learning_rate": 0.0075}}
