# port of accumulate_torch.py; expect: loss-factor
"""The same, but the division by the number of small batches is forgotten."""
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from torch.utils.data import TensorDataset, DataLoader

X, y = load_wine(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)[:160]
y = torch.tensor(y)[:160]
torch.manual_seed(0)
order = torch.randperm(160)
dl = DataLoader(TensorDataset(X[order], y[order]), batch_size=10)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(13, 20), nn.Linear(20, 3)

    def forward(self, x):
        return self.b(self.a(x).relu())


model = Net()
opt = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(15):
    for i, (xb, yb) in enumerate(dl):
        loss = nn.functional.cross_entropy(model(xb), yb)
        loss.backward()
        if (i + 1) % 4 == 0 or i + 1 == len(dl):
            opt.step()
            opt.zero_grad()
