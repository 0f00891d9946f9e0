# expect: norm-as-keras-has-it + adam-as-keras-has-it
import keras
from keras import layers


def candidate():
    model = keras.Sequential([keras.Input((30,))])
    model.add(layers.Dense(12, use_bias=False))
    model.add(layers.BatchNormalization())
    model.add(layers.ReLU())
    model.add(layers.Dense(2))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    return model
