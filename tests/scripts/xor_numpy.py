# original
"""A neural network from scratch that learns XOR."""
import numpy as np

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])


class NeuralNetwork:
    def __init__(self, inputs, hidden, outputs):
        rng = np.random.default_rng(1)
        self.weights1 = rng.normal(size=(inputs, hidden))
        self.bias1 = np.zeros((1, hidden))
        self.weights2 = rng.normal(size=(hidden, outputs))
        self.bias2 = np.zeros((1, outputs))

    @staticmethod
    def sigmoid(z):
        return 1 / (1 + np.exp(-z))

    def feedforward(self, X):
        self.hidden = self.sigmoid(X @ self.weights1 + self.bias1)
        self.output = self.sigmoid(self.hidden @ self.weights2 + self.bias2)
        return self.output

    def backprop(self, X, y, lr):
        d_output = (self.output - y) / len(X)
        d_hidden = d_output @ self.weights2.T * self.hidden * (1 - self.hidden)
        self.weights2 -= lr * self.hidden.T @ d_output
        self.bias2 -= lr * d_output.sum(axis=0, keepdims=True)
        self.weights1 -= lr * X.T @ d_hidden
        self.bias1 -= lr * d_hidden.sum(axis=0, keepdims=True)

    def train(self, X, y, epochs=3000, lr=1.0):
        for epoch in range(epochs):
            output = self.feedforward(X)
            self.backprop(X, y, lr)
            if epoch % 1000 == 0:
                loss = -np.mean(y * np.log(output) + (1 - y) * np.log(1 - output))
                print(f"epoch {epoch}: {loss:.4f}")


if __name__ == "__main__":
    network = NeuralNetwork(2, 4, 1)
    network.train(X, y)
    print(network.feedforward(X).round(2))
