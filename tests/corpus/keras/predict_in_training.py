# expect: dropout-in-evaluation
import keras
def candidate():
    m = keras.Sequential([keras.Input((30,)), keras.layers.Dense(32, activation="relu"), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    m.compile(keras.optimizers.SGD(0.0625), keras.losses.BinaryCrossentropy(from_logits=True))
    return {"model": m, "predict": lambda model, x: model(x, training=True) > 0}
