# expect: equal
import keras
from keras import layers


def candidate():
    model = keras.Sequential([
        keras.Input((13,)),
        layers.Dense(24, activation="tanh"),
        layers.Dropout(0.4),
        layers.Dense(16, activation="relu"),
        layers.Dense(8, activation="silu"),
        layers.Dropout(0.1),
        layers.Dense(3),
    ])
    model.compile(
        optimizer=keras.optimizers.SGD(learning_rate=0.05),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model
