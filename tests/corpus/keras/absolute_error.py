# expect: equal
import keras

inputs = keras.Input(shape=(10,))
h = keras.layers.Dense(32, activation="elu")(inputs)
h = keras.layers.Dense(16, activation="sigmoid")(h)
outputs = keras.layers.Dense(1)(h)


def candidate():
    model = keras.Model(inputs, outputs)
    model.compile(optimizer=keras.optimizers.SGD(0.02), loss=keras.losses.MeanAbsoluteError(), metrics=["mse"])
    return model
