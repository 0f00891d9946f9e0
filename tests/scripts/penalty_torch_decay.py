# port of penalty_torch.py; expect: equal
import torch
from torch import nn
from sklearn.datasets import load_diabetes

X, y = load_diabetes(return_X_y=True)
X = torch.tensor(X[:200] * 20).float()
y = torch.tensor((y[:200] - 150) / 80).float().unsqueeze(1)
model = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 1))
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, weight_decay=0.02)
loss_fn = nn.MSELoss()
for epoch in range(100):
    optimizer.zero_grad()
    loss_fn(model(X), y).backward()
    optimizer.step()
