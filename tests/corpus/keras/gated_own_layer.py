# expect: refused GLU
import keras
from keras import ops


class GLU(keras.layers.Layer):
    def __init__(self, units):
        super().__init__()
        self.units = units

    def build(self, s):
        self.a = self.add_weight(shape=(s[-1], self.units))
        self.b = self.add_weight(shape=(s[-1], self.units))

    def call(self, x):
        return ops.matmul(x, self.a) * ops.sigmoid(ops.matmul(x, self.b))


def candidate():
    m = keras.Sequential([keras.Input((4,)), GLU(8), keras.layers.Dense(3)])
    m.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return m
