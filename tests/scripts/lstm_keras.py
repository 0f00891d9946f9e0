# port of lstm_torch.py; expect: initialisation, optimizer-epsilon, two-biases
"""Classify sequences with an LSTM in Keras."""
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(5)
sequences = rng.normal(size=(128, 7, 3)).astype("float32")
labels = (sequences[:, :, 0].sum(axis=1) > 0).astype("int64")

model = keras.Sequential([keras.Input((7, 3)), layers.LSTM(12), layers.Dense(2)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.Adam(0.01), loss=loss)
model.fit(sequences, labels, batch_size=32, epochs=15, shuffle=False, verbose=0)
print(model.evaluate(sequences, labels, verbose=0))
