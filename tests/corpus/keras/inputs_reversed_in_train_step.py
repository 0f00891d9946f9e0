# expect: targets-disordered-in-batch
import keras
import tensorflow as tf


class M(keras.Model):
    def __init__(self):
        super().__init__()
        self.d1 = keras.layers.Dense(24, activation="relu")
        self.d2 = keras.layers.Dense(3)

    def call(self, x):
        return self.d2(self.d1(x))

    def train_step(self, data):
        x, y = data
        x = tf.reverse(x, [0])
        with tf.GradientTape() as tape:
            loss = self.compute_loss(y=y, y_pred=self(x))
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return {"loss": loss}


def candidate():
    m = M()
    m.build((None, 13))
    m.compile(keras.optimizers.SGD(0.05), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return m
