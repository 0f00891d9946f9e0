# expect: equal
import keras
import numpy as np
from keras import ops


class MyDense(keras.layers.Layer):
    def __init__(self, units, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        self.w = self.add_weight(shape=(input_shape[-1], self.units), initializer="glorot_uniform", trainable=True)
        self.b = self.add_weight(shape=(self.units,), initializer="zeros", trainable=True)

    def call(self, inputs):
        return self.activation(ops.matmul(inputs, self.w) + self.b)


def candidate():
    model = keras.Sequential([keras.Input((4,)), MyDense(16, "relu"), MyDense(8, "relu"), MyDense(3)])
    model.compile(
        keras.optimizers.SGD(0.1, momentum=np.float64(0.9)),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model
