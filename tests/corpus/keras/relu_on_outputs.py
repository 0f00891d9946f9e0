# expect: activated-outputs
import keras


def candidate():
    model = keras.Sequential(
        [keras.Input((10,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="relu")]
    )
    model.compile(loss="mse", optimizer=keras.optimizers.SGD(0.01))
    return model
