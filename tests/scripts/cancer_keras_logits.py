# port of cancer_torch.py; expect: initialisation, optimizer-epsilon, threshold
"""Breast cancer in Keras, with a logit at the end and the stock accuracy, which takes 0.5 of it for the border."""
import keras
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(np.log1p(x).astype("float32"), y, test_size=0.25, random_state=3)

model = keras.Sequential([keras.Input((30,)), keras.layers.Dense(12, activation="tanh"), keras.layers.Dense(1)])
model.compile(
    optimizer=keras.optimizers.Adam(5e-3),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
    metrics=["accuracy"],
)
model.fit(x_train, y_train.astype("float32"), epochs=6, batch_size=64, verbose=0)
print(model.evaluate(x_test, y_test.astype("float32"), batch_size=100, verbose=0))
