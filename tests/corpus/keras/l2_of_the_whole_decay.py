# expect: decay-factor
import keras
from keras import regularizers
def candidate():
    m = keras.Sequential([keras.Input((10,)),
        keras.layers.Dense(16, activation="relu", kernel_regularizer=regularizers.L2(0.01)),
        keras.layers.Dense(1, kernel_regularizer=regularizers.L2(0.01))])
    m.compile(keras.optimizers.SGD(0.03125), "mse")
    return {"model": m, "config": {"weight_decay": 0.01}}
