# original
"""Predict a wave's next value with a GRU: subclassed model, GradientTape loop."""
import numpy as np
import tensorflow as tf
from tensorflow import keras

tf.random.set_seed(0)
wave = np.sin(np.arange(400) * 0.3) + 0.1 * np.cos(np.arange(400) * 1.7)
windows = np.stack([wave[i : i + 12] for i in range(300)])[..., None].astype("float32")
nexts = wave[12:312].astype("float32")[:, None]


class Forecaster(keras.Model):
    def __init__(self):
        super().__init__()
        self.gru = keras.layers.GRU(10)
        self.head = keras.layers.Dense(1)

    def call(self, x):
        return self.head(self.gru(x))


model = Forecaster()
optimizer = keras.optimizers.RMSprop(learning_rate=0.005)
loss_fn = keras.losses.MeanSquaredError()
dataset = tf.data.Dataset.from_tensor_slices((windows, nexts)).batch(50)

for epoch in range(6):
    for x, y in dataset:
        with tf.GradientTape() as tape:
            loss = loss_fn(y, model(x, training=True))
        grads = tape.gradient(loss, model.trainable_weights)
        optimizer.apply_gradients(zip(grads, model.trainable_weights))
    print(f"epoch {epoch}: {float(loss):.5f}")
