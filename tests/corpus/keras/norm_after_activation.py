# expect: refused batch normalisation after the activation
import keras
from keras import layers


def candidate():
    model = keras.Sequential([keras.Input((13,)), layers.Dense(16, activation="relu"), layers.BatchNormalization(),
                              layers.Dense(3)])  # fmt: skip
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
