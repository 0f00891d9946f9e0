# port of words_torch.py; expect: activation, optimizer
"""Embeddings, summed, and one output."""
import numpy as np
import torch
import torch.nn as nn

rng = np.random.default_rng(9)
words = rng.integers(0, 30, size=(96, 6))
labels = (words.sum(axis=1) > 87).astype("float32")
X, y = torch.tensor(words), torch.tensor(labels)


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 8)
        self.out = nn.Linear(8, 1)

    def forward(self, ids):
        return self.out(self.embedding(ids).sum(dim=1)).squeeze(1)


model = Bag()
criterion = nn.BCEWithLogitsLoss()
optimizer = torch.optim.RMSprop(model.parameters(), lr=0.1)
for epoch in range(30):
    optimizer.zero_grad()
    loss = criterion(model(X), y)
    loss.backward()
    optimizer.step()
print(loss.item())
