# expect: no-biases
import keras
from keras import ops


class MyDense(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, s):
        self.w = self.add_weight(shape=(s[-1], self.units))
        self.b = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, x):
        return ops.matmul(x, self.w)


def candidate():
    m = keras.Sequential([keras.Input((4,)), MyDense(16), keras.layers.Activation("relu"), MyDense(3)])
    m.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return m
