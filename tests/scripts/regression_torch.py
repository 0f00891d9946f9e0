# original
"""Fit a function of three variables; the targets are (N, 1), as the outputs are."""
import numpy as np
import torch
from torch import nn

rng = np.random.default_rng(3)
x = rng.uniform(-2, 2, size=(120, 3))
target = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=120)
X = torch.tensor(x, dtype=torch.float32)
Y = torch.tensor(target, dtype=torch.float32).unsqueeze(1)

model = nn.Sequential(nn.Linear(3, 24), nn.Tanh(), nn.Linear(24, 1))
loss_fn = nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)

for t in range(200):
    y_pred = model(X)
    loss = loss_fn(y_pred, Y)
    if t % 50 == 49:
        print(t, loss.item())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
