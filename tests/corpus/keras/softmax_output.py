# expect: equal
# Keras finds the logits behind a softmax layer by itself.
import keras


def candidate():
    model = keras.Sequential()
    model.add(keras.Input(shape=(13,)))
    model.add(keras.layers.Dense(12, activation="tanh"))
    model.add(keras.layers.Dense(3, activation="softmax"))
    model.compile(loss="sparse_categorical_crossentropy", optimizer=keras.optimizers.SGD(0.05), metrics=["accuracy"])
    return model
