# expect: loss-reduction + clip-per-tensor
import keras


def candidate():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(16, activation="relu"), keras.layers.Dense(3)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction="sum")
    model.compile(keras.optimizers.SGD(0.01, clipnorm=0.5), loss)
    return model
