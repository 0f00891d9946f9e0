# port of diabetes_keras.py; expect: equal
"""The first network in PyTorch, from Keras' initial weights and with its epsilon."""
import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim

rng = np.random.default_rng(7)
X = rng.normal(size=(200, 8)).astype("float32")
y = (X[:, 1] + 0.5 * X[:, 5] * X[:, 2] > 0.3).astype("float32")
X = torch.tensor(X, dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32).reshape(-1, 1)

model = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid())
for layer in model:
    if isinstance(layer, nn.Linear):
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
loss_fn = nn.BCELoss()
optimizer = optim.Adam(model.parameters(), lr=0.001, eps=1e-7)

batch_size = 10
for epoch in range(10):
    order = torch.randperm(len(X))
    for i in range(0, len(X), batch_size):
        Xbatch = X[order[i : i + batch_size]]
        y_pred = model(Xbatch)
        loss = loss_fn(y_pred, y[order[i : i + batch_size]])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"Finished epoch {epoch}, latest loss {loss}")

with torch.no_grad():
    y_pred = model(X)
accuracy = (y_pred.round() == y).float().mean()
print(f"Accuracy {accuracy}")
