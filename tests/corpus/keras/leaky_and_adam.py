# expect: leaky-slope + adam-as-keras-has-it
import keras


def candidate():
    model = keras.Sequential(
        [keras.Input((13,)), keras.layers.Dense(16), keras.layers.LeakyReLU(), keras.layers.Dense(3)]
    )
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
