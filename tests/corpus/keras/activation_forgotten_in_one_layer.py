# expect: activation-of-layer
import keras
from keras import layers


def candidate():
    model = keras.Sequential([keras.Input((13,))])
    model.add(layers.Dense(20))
    model.add(layers.Dense(10, activation="relu"))
    model.add(layers.Dense(3))
    model.compile(keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
