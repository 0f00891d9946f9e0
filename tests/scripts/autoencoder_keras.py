# original
"""An autoencoder with a train_step of its own (Keras subclass)."""
import keras, tensorflow as tf
from keras import layers
from sklearn.datasets import load_digits

x = (load_digits().images[:320] / 16.0).astype("float32")[..., None]


class ConvAutoencoder(keras.Model):
    def __init__(self):
        super().__init__()
        self.encoder = keras.Sequential([
            layers.Conv2D(8, (3, 3), activation="relu", padding="same", strides=2),
            layers.Conv2D(4, (3, 3), activation="relu", padding="same", strides=2),
        ])
        self.decoder = keras.Sequential([
            layers.Conv2DTranspose(4, 3, strides=2, activation="relu", padding="same"),
            layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same"),
            layers.Conv2D(1, (3, 3), activation="sigmoid", padding="same"),
        ])
        self.loss_tracker = keras.metrics.Mean(name="loss")

    def call(self, x):
        return self.decoder(self.encoder(x))

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            rec = self(x, training=True)
            loss = tf.reduce_mean(keras.losses.mean_squared_error(y, rec))
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        self.loss_tracker.update_state(loss)
        return {"loss": self.loss_tracker.result()}


ae = ConvAutoencoder()
ae.compile(optimizer="adam")
ae.fit(x, x, epochs=5, batch_size=32, shuffle=True, verbose=0)
