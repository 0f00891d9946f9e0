# expect: refused Nadam
import keras


def candidate():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
    model.compile("nadam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
