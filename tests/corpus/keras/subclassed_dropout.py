# expect: equal
import keras


class MLP(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense1 = keras.layers.Dense(16, activation="relu")
        self.drop = keras.layers.Dropout(0.25)
        self.dense2 = keras.layers.Dense(3)

    def call(self, x, training=False):
        x = self.dense1(x)
        x = self.drop(x, training=training)
        return self.dense2(x)


def candidate():
    model = MLP()
    model.compile(keras.optimizers.SGD(0.1), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return {"model": model, "config": {"layer_sizes": (13, 16, 3)}}
