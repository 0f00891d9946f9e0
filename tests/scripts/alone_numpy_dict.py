# alone; expect: 4 parameters
"""Softmax regression's bigger sister: parameters and gradients in dictionaries, mini-batches, Adam by hand."""
import numpy as np
from sklearn.datasets import load_iris

X_train, labels = load_iris(return_X_y=True)
y_train = np.eye(3)[labels]
np.random.seed(0)


def init_params():
    return {"W1": np.random.randn(4, 10) * 0.1, "b1": np.zeros(10), "W2": np.random.randn(10, 3) * 0.1, "b2": np.zeros(3)}


def forward(params, x):
    h = np.maximum(0, x @ params["W1"] + params["b1"])
    z = h @ params["W2"] + params["b2"]
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return h, e / e.sum(axis=1, keepdims=True)


def backward(params, x, y, h, p):
    dz = (p - y) / len(x)
    dh = dz @ params["W2"].T * (h > 0)
    return {"W1": x.T @ dh, "b1": dh.sum(0), "W2": h.T @ dz, "b2": dz.sum(0)}


params = init_params()
m = {k: np.zeros_like(v) for k, v in params.items()}
v = {k: np.zeros_like(w) for k, w in params.items()}
t = 0
for epoch in range(20):
    order = np.random.permutation(len(X_train))
    for i in range(0, len(X_train), 30):
        x_batch, y_batch = X_train[order[i : i + 30]], y_train[order[i : i + 30]]
        h, p = forward(params, x_batch)
        grads = backward(params, x_batch, y_batch, h, p)
        t += 1
        for key in params:
            m[key] = 0.9 * m[key] + 0.1 * grads[key]
            v[key] = 0.999 * v[key] + 0.001 * grads[key] ** 2
            m_hat, v_hat = m[key] / (1 - 0.9**t), v[key] / (1 - 0.999**t)
            params[key] -= 0.01 * m_hat / (np.sqrt(v_hat) + 1e-8)
print((forward(params, X_train)[1].argmax(1) == labels).mean())
