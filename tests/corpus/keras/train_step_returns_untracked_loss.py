# expect: equal
import keras
import numpy as np
from keras import layers


class Classifier(keras.Model):
    def __init__(self, hidden, classes):
        super().__init__()
        self.blocks = [layers.Dense(h) for h in hidden]
        self.act = layers.Activation("sigmoid")
        self.final = layers.Dense(classes)

    def call(self, x, training=None):
        for block in self.blocks:
            x = self.act(block(x))
        return self.final(x)

    def train_step(self, data):
        x, y = data
        import tensorflow as tf

        with tf.GradientTape() as tape:
            loss = self.compute_loss(x=x, y=y, y_pred=self(x, training=True))
        grads = tape.gradient(loss, self.trainable_weights)
        self.optimizer.apply_gradients(zip(grads, self.trainable_weights))
        return {"loss": loss}


def candidate():
    model = Classifier((20, 10), 10)
    model.build((None, 64))
    model.compile(
        optimizer=keras.optimizers.SGD(0.2, nesterov=True, momentum=np.float64(0.8)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model
