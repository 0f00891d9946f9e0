# expect: decay-as-keras-has-it
import keras


def candidate():
    model = keras.Sequential([keras.Input((13,)), keras.layers.Dense(10, activation="relu"), keras.layers.Dense(3)])
    optimizer = keras.optimizers.SGD(0.1, weight_decay=0.004)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
