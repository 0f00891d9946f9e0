# expect: activation-of-layer
import keras
from keras import layers

inputs = keras.Input((10,))
h = layers.Dense(16, activation="sigmoid")(inputs)  # left over from the first version
h = layers.Dense(16, activation="relu")(h)
h = layers.Dense(16, activation="relu")(h)
model = keras.Model(inputs, layers.Dense(1)(h))
model.compile(keras.optimizers.SGD(0.01), "mse")


def candidate():
    return {"model": model, "config": {"activation": "relu"}}
