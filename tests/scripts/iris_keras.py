# port of iris_torch.py; expect: initialisation, optimizer-epsilon
"""Classify iris flowers with Keras, everything at its defaults."""
import keras
from keras import layers
from sklearn.datasets import load_iris

X, y = load_iris(return_X_y=True)
X = X.astype("float32")

model = keras.Sequential(
    [
        keras.Input(shape=(4,)),
        layers.Dense(32, activation="relu"),
        layers.Dense(16, activation="relu"),
        layers.Dense(3, activation="softmax"),
    ]
)
model.compile(optimizer=keras.optimizers.Adam(learning_rate=0.01), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(X, y, epochs=20, batch_size=16, verbose=0)
print(model.evaluate(X, y, verbose=0))
