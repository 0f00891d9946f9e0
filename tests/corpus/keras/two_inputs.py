# expect: refused 2 inputs
import keras


def candidate():
    a, b = keras.Input((4,), name="left"), keras.Input((3,), name="right")
    out = keras.layers.Dense(1)(keras.layers.Concatenate()([a, b]))
    model = keras.Model([a, b], out)
    model.compile("adam", "mse")
    return model
