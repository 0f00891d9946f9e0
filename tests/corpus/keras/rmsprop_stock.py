# expect: rmsprop-as-keras-has-it
from keras import Input, layers, models


def candidate():
    model = models.Sequential()
    model.add(Input((30,)))
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(16, activation="relu"))
    model.add(layers.Dense(1, activation="sigmoid"))
    model.compile(optimizer="rmsprop", loss="binary_crossentropy", metrics=["accuracy"])
    return model
