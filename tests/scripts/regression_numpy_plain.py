# port of regression_torch.py; expect: momentum
"""Fit a function of three variables with nothing but NumPy."""
import numpy as np

rng = np.random.default_rng(3)
x = rng.uniform(-2, 2, size=(120, 3))
target = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=120)
y = target.reshape(-1, 1)

W1 = rng.uniform(-1, 1, size=(3, 24)) / np.sqrt(3)
b1 = rng.uniform(-1, 1, size=24) / np.sqrt(3)
W2 = rng.uniform(-1, 1, size=(24, 1)) / np.sqrt(24)
b2 = rng.uniform(-1, 1, size=1) / np.sqrt(24)
vW1, vb1, vW2, vb2 = np.zeros_like(W1), np.zeros_like(b1), np.zeros_like(W2), np.zeros_like(b2)

for step in range(200):
    a1 = np.tanh(x @ W1 + b1)
    out = a1 @ W2 + b2
    loss = np.mean((out - y) ** 2)

    grad_out = 2 * (out - y) / len(x)
    dW2 = a1.T @ grad_out
    db2 = grad_out.sum(axis=0)
    grad_hidden = grad_out @ W2.T * (1 - a1**2)
    dW1 = x.T @ grad_hidden
    db1 = grad_hidden.sum(axis=0)

    vW1 = 0.0 * vW1 + dW1
    vb1 = 0.0 * vb1 + db1
    vW2 = 0.0 * vW2 + dW2
    vb2 = 0.0 * vb2 + db2
    W1 -= 0.05 * vW1
    b1 -= 0.05 * vb1
    W2 -= 0.05 * vW2
    b2 -= 0.05 * vb2
print(loss)
