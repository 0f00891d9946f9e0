# port of cnn_torch.py; expect: equal
"""The convolutional network in Keras."""
import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits

digits = load_digits()
images, labels = digits.images[:320] / 16.0, digits.target[:320]
X = images.astype("float32")[..., None]
y = labels


def start(fan_in):
    bound = 1 / np.sqrt(fan_in)
    return {name: keras.initializers.RandomUniform(-bound, bound) for name in ("kernel_initializer", "bias_initializer")}


model = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(8, 3, padding="same", activation="relu", **start(9)),
        layers.MaxPooling2D(2),
        layers.ZeroPadding2D(1),
        layers.Conv2D(16, 3, strides=2, activation="relu", **start(72)),
        layers.Flatten(),
        layers.Dropout(0.25),
        layers.Dense(32, activation="relu", **start(64)),
        layers.Dense(10, activation="softmax", **start(32)),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(1e-3, epsilon=1e-8), loss="sparse_categorical_crossentropy")
model.fit(X, y, batch_size=32, epochs=3, shuffle=False, verbose=0)
print((model.predict(X, verbose=0).argmax(1) == y).sum(), "of", len(X))
