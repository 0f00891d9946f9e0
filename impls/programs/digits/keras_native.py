"""64-32-10 on digits in Keras.

With these differences, the reference does the same to 5e-16 over 50 steps in float64:
- first weights Glorot uniform, biases zero
- its own order of the samples
- adam-as-keras-has-it
"""

import keras
from keras import layers
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

# Data: handwritten digits, 8x8 pixels of 0 to 16
x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)

# Parameters: drawn by each Dense, weights Glorot uniform, biases zero
keras.utils.set_random_seed(0)

# Forward
model = keras.Sequential(
    [
        keras.Input((64,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(10),
    ]
)

# Loss
loss_function = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

# Update: adam
optimizer = keras.optimizers.Adam(0.01)
model.compile(optimizer, loss_function)

# Loop
model.fit(x_train, y_train, batch_size=32, epochs=5, verbose=0)

# Evaluation
z = model.predict(x_test, verbose=0)
loss = float(loss_function(y_test, z))
print(f"test loss {loss:.6f}, accuracy {(z.argmax(axis=1) == y_test).mean():.4f}")
