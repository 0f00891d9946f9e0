# expect: norm-running-in-training
import keras
import numpy as np
import tensorflow as tf


def step(model, x, y):
    with tf.GradientTape() as tape:
        loss = model.compute_loss(x, y, model(x))  # training=True forgotten
    grads = tape.gradient(loss, model.trainable_variables)
    model.optimizer.apply(grads, model.trainable_variables)
    return loss


class TorchNorm(keras.layers.BatchNormalization):
    pass


def candidate():
    model = keras.Sequential(
        [
            keras.Input((13,)),
            keras.layers.Dense(16),
            TorchNorm(epsilon=1e-5, momentum=np.float64(0.9)),
            keras.layers.Activation("relu"),
            keras.layers.Dense(3),
        ]
    )
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return {"model": model, "step": step}
