# port of iris_torch.py; expect: equal
"""Classify iris flowers with Keras, as the PyTorch script does it: its initial weights and its epsilon."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_iris

X, y = load_iris(return_X_y=True)
X = X.astype("float32")


def dense(units, inputs, activation=None):
    bound = 1 / np.sqrt(inputs)
    uniform = keras.initializers.RandomUniform(-bound, bound)
    return layers.Dense(units, activation=activation, kernel_initializer=uniform, bias_initializer=uniform)


inputs = keras.Input((4,))
hidden = dense(32, 4, "relu")(inputs)
hidden = dense(16, 32, "relu")(hidden)
model = keras.Model(inputs, dense(3, 16)(hidden))
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=keras.optimizers.Adam(0.01, epsilon=1e-8), loss=loss)

rng = np.random.default_rng(0)
for epoch in range(20):
    order = rng.permutation(len(X))
    for i in range(0, len(X), 16):
        rows = order[i : i + 16]
        model.train_on_batch(X[rows], y[rows])
print("accuracy", (model.predict(X, verbose=0).argmax(1) == y).mean())
