# original
"""A plane that parts points, from scratch, the weights in a dict."""
import numpy as np
np.random.seed(0)
X = np.random.randn(128, 3); y = (X @ np.array([[1.0], [-2.0], [0.5]]) + 0.3 > 0).astype(float)
def sigmoid(z): return 1 / (1 + np.exp(-z))
params = {"W1": np.random.randn(3, 6) * 0.5, "b1": np.zeros((1, 6)), "W2": np.random.randn(6, 1) * 0.5, "b2": np.zeros((1, 1))}
for it in range(40):
    A1 = np.tanh(X @ params["W1"] + params["b1"])
    A2 = sigmoid(A1 @ params["W2"] + params["b2"])
    cost = -np.mean(y * np.log(A2) + (1 - y) * np.log(1 - A2))
    dZ2 = (A2 - y) / len(X)
    grads = {"W2": A1.T @ dZ2, "b2": dZ2.sum(0, keepdims=True)}
    dZ1 = dZ2 @ params["W2"].T * (1 - A1 ** 2)
    grads["W1"], grads["b1"] = X.T @ dZ1, dZ1.sum(0, keepdims=True)
    for k in params:
        params[k] = params[k] - 0.5 * grads[k]
