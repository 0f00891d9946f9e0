# expect: adam-as-keras-has-it
import keras


def candidate():
    model = keras.Sequential([keras.Input((10,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1)])
    model.compile("adam", "mae")
    return model
