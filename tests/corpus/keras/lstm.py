# expect: refused LSTM
import keras


def candidate():
    model = keras.Sequential([keras.Input((10, 4)), keras.layers.LSTM(16), keras.layers.Dense(1)])
    model.compile("adam", "mse")
    return model
