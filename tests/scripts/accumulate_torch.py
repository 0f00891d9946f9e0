# original
"""Gradient accumulation over 4 small batches."""
import torch
from torch import nn
from sklearn.datasets import load_wine

X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)[:160]
y = torch.tensor(y)[:160]
torch.manual_seed(0)
order = torch.randperm(160)
X, y = X[order], y[order]
model = nn.Sequential(nn.Linear(13, 20), nn.ReLU(), nn.Linear(20, 3))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
criterion = nn.CrossEntropyLoss()
accumulation_steps = 4
for epoch in range(15):
    opt.zero_grad()
    for i in range(16):
        out = model(X[i * 10 : (i + 1) * 10])
        loss = criterion(out, y[i * 10 : (i + 1) * 10]) / accumulation_steps
        loss.backward()
        if (i + 1) % accumulation_steps == 0:
            opt.step()
            opt.zero_grad()
print(loss.item())
