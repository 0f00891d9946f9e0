# expect: refused Embedding
import keras


def candidate():
    model = keras.Sequential([keras.Input((20,)), keras.layers.Embedding(1000, 16), keras.layers.Flatten(),
                              keras.layers.Dense(1, activation="sigmoid")])  # fmt: skip
    model.compile("adam", "binary_crossentropy")
    return model
