# expect: refused selu
import keras


def candidate():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, activation="selu"), keras.layers.Dense(3)])
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
