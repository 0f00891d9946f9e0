# expect: leaky-slope
import keras


def candidate():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(10), keras.layers.LeakyReLU(), keras.layers.Dense(3)]
    )
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
