# original
"""Your first neural network in Keras: a binary classifier of eight measurements."""
import keras
import numpy as np
from keras.layers import Dense
from keras.models import Sequential

# A stand-in for the table of the tutorial.
rng = np.random.default_rng(7)
X = rng.normal(size=(200, 8)).astype("float32")
y = (X[:, 1] + 0.5 * X[:, 5] * X[:, 2] > 0.3).astype("float32")

model = Sequential()
model.add(keras.Input(shape=(8,)))
model.add(Dense(12, activation="relu"))
model.add(Dense(8, activation="relu"))
model.add(Dense(1, activation="sigmoid"))
model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
model.fit(X, y, epochs=10, batch_size=10, verbose=0)
_, accuracy = model.evaluate(X, y, verbose=0)
print("Accuracy: %.2f" % (accuracy * 100))
