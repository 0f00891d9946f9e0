# expect: frozen
import keras


def candidate():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(10, activation="relu"), keras.layers.Dense(3)])
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
