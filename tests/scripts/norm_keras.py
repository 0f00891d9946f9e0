# port of norm_torch.py; expect: initialisation, norm-epsilon, norm-momentum
"""Batch normalisation in Keras, at its defaults."""
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(11)
features = rng.normal(2.0, 3.0, size=(160, 5)).astype("float32")
classes = (features[:, 0] > features[:, 1]).astype("int64") + (features[:, 2] > 4)

model = keras.Sequential([keras.Input((5,)), layers.Dense(20), layers.BatchNormalization(), layers.ReLU(), layers.Dense(3)])
model.compile(
    optimizer=keras.optimizers.SGD(0.1), loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"]
)
model.fit(features, classes, batch_size=32, epochs=12, verbose=0, validation_data=(features, classes))
