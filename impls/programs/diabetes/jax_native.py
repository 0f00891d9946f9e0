"""10-20-1 on diabetes in JAX.

With these differences, the reference does the same to 5e-16 over 50 steps in float64:
- first weights from JAX's generator
- its own order of the samples
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

# Parameters
rng = np.random.default_rng(0)
keys = jax.random.split(jax.random.key(0), 2)
W1, b1 = np.sqrt(6 / 10) * jax.random.uniform(keys[0], (10, 20), minval=-1, maxval=1), jnp.zeros(20)
W2, b2 = np.sqrt(6 / 20) * jax.random.uniform(keys[1], (20, 1), minval=-1, maxval=1), jnp.zeros(1)
params = [W1, b1, W2, b2]


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
