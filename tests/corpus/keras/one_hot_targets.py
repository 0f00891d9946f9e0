# expect: equal
import keras


def candidate():
    inputs = keras.Input(shape=(4,))
    x = keras.layers.Dense(10, activation="elu")(inputs)
    outputs = keras.layers.Dense(3)(x)
    model = keras.Model(inputs, outputs)
    model.compile(keras.optimizers.SGD(0.1), keras.losses.CategoricalCrossentropy(from_logits=True))
    return model
