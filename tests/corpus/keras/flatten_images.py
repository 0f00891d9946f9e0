# expect: equal
import keras


def candidate():
    model = keras.models.Sequential(
        [
            keras.layers.Input(shape=(8, 8)),
            keras.layers.Flatten(),
            keras.layers.Dense(32, activation="relu"),
            keras.layers.Dense(10),
        ]
    )
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss_fn, metrics=["accuracy"])
    return model
