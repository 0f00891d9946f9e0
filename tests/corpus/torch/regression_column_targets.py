# expect: equal
# The loader gives y as (N, 1), as the model does.
import torch
from torch import nn

model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
criterion = nn.MSELoss()


def train(model, criterion, optimizer, X, y):
    y_pred = model(X)
    loss = criterion(y_pred, y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def candidate():
    net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
    return {"model": net, "loss": criterion, "optimizer": torch.optim.SGD(net.parameters(), lr=0.01), "step": train}
