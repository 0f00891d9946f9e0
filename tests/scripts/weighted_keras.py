# original
"""An imbalanced problem: class weights."""
import numpy as np
import keras
from sklearn.datasets import make_classification

X, y = make_classification(400, 12, weights=[0.8], random_state=1)
X = X.astype("float32")
neg, pos = np.bincount(y)
weight = {0: len(y) / (2 * neg), 1: len(y) / (2 * pos)}
model = keras.Sequential([keras.layers.Dense(16, activation="relu"), keras.layers.Dense(1, activation="sigmoid")])
model.compile("sgd", "binary_crossentropy", metrics=[keras.metrics.AUC(), "accuracy"])
model.fit(X, y, batch_size=50, epochs=8, class_weight=weight, shuffle=False, verbose=0)
