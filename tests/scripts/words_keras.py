# port of words_torch.py; expect: initialisation, optimizer-epsilon, optimizer-initial
"""Embeddings, averaged, and one output, in Keras."""
import keras
import numpy as np
from keras import layers

rng = np.random.default_rng(9)
words = rng.integers(0, 30, size=(96, 6))
labels = (words.sum(axis=1) > 87).astype("float32")

model = keras.Sequential(
    [keras.Input((6,), dtype="int64"), layers.Embedding(30, 8), layers.GlobalAveragePooling1D(), layers.Dense(1, activation="sigmoid")]
)
model.compile(optimizer=keras.optimizers.Adagrad(0.1), loss="binary_crossentropy")
model.fit(words, labels, batch_size=96, epochs=60, verbose=0)
print(model.evaluate(words, labels, verbose=0))
