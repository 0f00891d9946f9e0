# port of regression_torch.py; expect: initialisation, nesterov
"""Fit a function of three variables in Keras, with Nesterov's momentum."""
import keras
import numpy as np

rng = np.random.default_rng(3)
x = rng.uniform(-2, 2, size=(120, 3))
target = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=120)

model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(24, activation="tanh"), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True), loss="mse")
history = model.fit(x, target, batch_size=120, epochs=60, verbose=0)
print(history.history["loss"][-1])
