# expect: no-biases
import keras


def candidate():
    dense = keras.layers.Dense
    model = keras.Sequential([keras.Input((4,)), dense(10, activation="tanh", use_bias=False), dense(3, use_bias=False)])
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
