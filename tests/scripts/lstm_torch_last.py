# port of lstm_torch.py; expect: activation, optimizer
"""Classify sequences with an LSTM."""
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(5)
sequences = rng.normal(size=(128, 7, 3)).astype("float32")
labels = (sequences[:, :, 0].sum(axis=1) > 0).astype("int64")
X, y = torch.from_numpy(sequences), torch.from_numpy(labels)


class Classifier(nn.Module):
    def __init__(self, hidden=12):
        super().__init__()
        self.lstm = nn.LSTM(3, hidden, batch_first=True)
        self.head = nn.Linear(hidden, 2)

    def forward(self, x):
        out, (h, c) = self.lstm(x)
        return self.head(torch.relu(out[:, -1, :]))


model = Classifier()
optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
for epoch in range(15):
    for i in range(0, 128, 32):
        loss = nn.functional.cross_entropy(model(X[i : i + 32]), y[i : i + 32])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
print(loss.item())
