# expect: clip-per-tensor
import keras


def candidate():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(10, activation="relu"), keras.layers.Dense(3)])
    optimizer = keras.optimizers.SGD(0.1, clipnorm=0.125)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
