"""30-16-8-1 on breast-cancer in JAX.

With these differences, the reference does the same to 3e-16 over 50 steps in float64:
- first weights from JAX's generator
- its own order of the samples
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

# Parameters
rng = np.random.default_rng(0)
keys = jax.random.split(jax.random.key(0), 3)
W1, b1 = np.sqrt(2 / 30) * jax.random.normal(keys[0], (30, 16)), jnp.zeros(16)
W2, b2 = np.sqrt(2 / 16) * jax.random.normal(keys[1], (16, 8)), jnp.zeros(8)
W3, b3 = np.sqrt(2 / 8) * jax.random.normal(keys[2], (8, 1)), jnp.zeros(1)
params = [W1, b1, W2, b2, W3, b3]


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
