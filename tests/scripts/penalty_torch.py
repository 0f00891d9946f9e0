# original
"""L2 in the loss, by a loop over the parameters."""
import torch
import torch.nn as nn
from sklearn.datasets import load_diabetes

X, y = load_diabetes(return_X_y=True)
X = torch.tensor(X[:200] * 20).float()
y = torch.tensor((y[:200] - 150) / 80).float()[:, None]
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
l2_lambda = 0.01
for epoch in range(100):
    pred = model(X)
    loss = nn.functional.mse_loss(pred, y)
    l2_norm = sum(p.pow(2.0).sum() for p in model.parameters())
    loss = loss + l2_lambda * l2_norm
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
