# expect: adagrad-as-keras-has-it
import keras


def candidate():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, activation="tanh"), keras.layers.Dense(3)])
    model.compile(keras.optimizers.Adagrad(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
