# expect: equal
# A mistake elsewhere, but Keras on TensorFlow takes the logits behind the softmax all the same.
import keras


def candidate():
    model = keras.Sequential(
        [keras.Input((4,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3, activation="softmax")]
    )
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
