# original
"""A denoising autoencoder of digits in Keras' functional API, with a normalised code."""
import keras
import numpy as np
from sklearn.datasets import load_digits

keras.utils.set_random_seed(1)
images = (load_digits().data / 16).astype("float32").reshape(-1, 8, 8, 1)[:600]

inputs = keras.Input((8, 8, 1))
x = keras.layers.Conv2D(6, 3, strides=2, padding="same", activation="relu")(inputs)
x = keras.layers.BatchNormalization()(x)
x = keras.layers.Flatten()(x)
code = keras.layers.Dense(12, activation="tanh")(x)
outputs = keras.layers.Dense(64, activation="sigmoid")(code)
model = keras.Model(inputs, outputs)
model.compile(keras.optimizers.Adam(0.002), loss="binary_crossentropy")
model.fit(images, images.reshape(-1, 64), batch_size=40, epochs=2, shuffle=False, verbose=0)
print(model.evaluate(images, images.reshape(-1, 64), verbose=0))
