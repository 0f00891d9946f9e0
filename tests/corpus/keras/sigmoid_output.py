# expect: equal
import tensorflow as tf


def candidate():
    model = tf.keras.models.Sequential(
        [
            tf.keras.layers.Input((30,)),
            tf.keras.layers.Dense(16, activation="relu"),
            tf.keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(optimizer=tf.keras.optimizers.SGD(0.1), loss="binary_crossentropy", metrics=["accuracy"])
    return model
