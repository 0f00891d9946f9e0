# original
"""Batch normalisation between two layers."""
import numpy as np
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

rng = np.random.default_rng(11)
features = rng.normal(2.0, 3.0, size=(160, 5)).astype("float32")
classes = (features[:, 0] > features[:, 1]).astype("int64") + (features[:, 2] > 4)
dataset = TensorDataset(torch.tensor(features), torch.tensor(classes))
loader = DataLoader(dataset, batch_size=32, shuffle=True)

model = nn.Sequential(nn.Linear(5, 20), nn.BatchNorm1d(20), nn.ReLU(), nn.Linear(20, 3))
loss_function = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)


def evaluate():
    model.eval()
    with torch.no_grad():
        hits = [(model(x).argmax(1) == t).float().sum().item() for x, t in DataLoader(dataset, batch_size=32)]
    return sum(hits) / len(dataset)


for epoch in range(12):
    model.train()
    for x, t in loader:
        loss = loss_function(model(x), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(epoch, evaluate())
