"""64-32-10 on digits in JAX.

With these differences, the reference does the same to 4e-16 over 50 steps in float64:
- first weights from JAX's generator
- its own order of the samples
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

# Data: handwritten digits, 8x8 pixels of 0 to 16
x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)

# Parameters
rng = np.random.default_rng(0)
keys = jax.random.split(jax.random.key(0), 2)
W1, b1 = np.sqrt(2 / 64) * jax.random.normal(keys[0], (64, 32)), jnp.zeros(32)
W2, b2 = np.sqrt(2 / 32) * jax.random.normal(keys[1], (32, 10)), jnp.zeros(10)
params = [W1, b1, W2, b2]


# Forward
def forward(params, x):
    W1, b1, W2, b2 = params
    a1 = jax.nn.relu(x @ W1 + b1)
    return a1 @ W2 + b2


# Loss
def loss_of(z, y):
    return optax.softmax_cross_entropy_with_integer_labels(z, y).mean()


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
print(f"test loss {loss_of(z, y_test):.6f}, accuracy {(z.argmax(axis=1) == y_test).mean():.4f}")
