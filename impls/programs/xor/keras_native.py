"""2-4-1 on xor in Keras.

With these differences, the reference does the same to 3e-16 over 50 steps in float64:
- first weights Glorot uniform, biases zero
"""

import keras
import numpy as np
from keras import layers

# Data: exclusive or, four points
x_train = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y_train = np.array([0, 1, 1, 0])
x_test, y_test = x_train, y_train

# Parameters: drawn by each Dense, weights Glorot uniform, biases zero
keras.utils.set_random_seed(0)

# Forward
model = keras.Sequential(
    [
        keras.Input((2,)),
        layers.Dense(4, activation="sigmoid"),
        layers.Dense(1),
    ]
)

# Loss
loss_function = keras.losses.MeanSquaredError()

# Update: sgd
optimizer = keras.optimizers.SGD(0.5)
model.compile(optimizer, loss_function)

# Loop
model.fit(x_train, y_train, batch_size=len(x_train), epochs=60, verbose=0)

# Evaluation
z = model.predict(x_test, verbose=0)
loss = float(loss_function(y_test, z))
print(f"test loss {loss:.6f}")
