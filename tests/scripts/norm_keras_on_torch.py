# port of norm_keras.py; expect: equal
"""The same network, Keras on PyTorch, in a loop of PyTorch's own kind over a DataLoader."""
import os

os.environ["KERAS_BACKEND"] = "torch"

import keras
import numpy as np
import torch
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(11)
X = rng.normal(2.0, 3.0, size=(160, 5)).astype("float32")
y = (X[:, 0] > X[:, 1]).astype("int64") + (X[:, 2] > 4)

inputs = keras.Input((5,))
h = keras.layers.Dense(20)(inputs)
h = keras.activations.relu(keras.layers.BatchNormalization()(h))
model = keras.Model(inputs, keras.layers.Dense(3)(h))

optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
loss_fn = torch.nn.CrossEntropyLoss()
loader = DataLoader(TensorDataset(torch.from_numpy(X), torch.from_numpy(y)), batch_size=32, shuffle=True)

for epoch in range(12):
    for xb, yb in loader:
        loss = loss_fn(model(xb, training=True), yb)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        accuracy = (model(torch.from_numpy(X), training=False).argmax(dim=1) == torch.from_numpy(y)).float().mean()
    print(f"epoch {epoch + 1}: {accuracy:.3f}")
