# expect: equal
import keras
from keras import layers, ops


class TorchLikeLinear(layers.Layer):
    """Weights as PyTorch keeps them, so that a state_dict can be loaded without transposing."""

    def __init__(self, in_features, out_features):
        super().__init__()
        self.weight = self.add_weight(name="weight", shape=(out_features, in_features))
        self.bias = self.add_weight(name="bias", shape=(out_features,), initializer="zeros")

    def call(self, x):
        return x @ ops.transpose(self.weight) + self.bias


inputs = keras.Input((10,))
x = TorchLikeLinear(10, 20)(inputs)
x = layers.Activation("tanh")(x)
outputs = TorchLikeLinear(20, 1)(x)
model = keras.Model(inputs, outputs)
model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")


def candidate():
    return model
