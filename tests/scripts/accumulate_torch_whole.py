# port of accumulate_torch.py; expect: equal
import torch
from torch import nn
from sklearn.datasets import load_wine

X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)[:160]
y = torch.tensor(y)[:160]
torch.manual_seed(0)
order = torch.randperm(160)
X, y = X[order], y[order]
net = nn.Sequential(nn.Linear(13, 20), nn.ReLU(), nn.Linear(20, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(15):
    for i in range(0, 160, 40):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i : i + 40]), y[i : i + 40])
        loss.backward()
        opt.step()
