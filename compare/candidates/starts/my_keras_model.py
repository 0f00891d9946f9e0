"""A Keras model to hold against the reference: python compare/check.py my_keras_model.py

Put your own in the place of the three lines. The reference takes its sizes, activation, loss, optimizer and learning
rate from what you return, and the same data and initial weights are put into both. It is trained by train_on_batch.
"""

import keras
import numpy as np


def candidate():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
    optimizer = keras.optimizers.SGD(0.1, momentum=np.float64(0.9))  # Keras rounds a Python float to float32.
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model

    # Or, with a training step of your own, step(model, x, y), which returns the loss before the update:
    # return {"model": model, "step": step}
    # Besides: "layers", the Dense layers in order, where they cannot be told; "config", fields of the reference's
    # Config, as {"activation": "relu"}; "predict", how you predict, predict(model, x).
