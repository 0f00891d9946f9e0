# expect: labels-exchanged
import torch
from torch import nn


def step(model, criterion, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x).squeeze(1), 1 - y)  # "malignant" is 0 in scikit-learn
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(30, 10), nn.ReLU(), nn.Linear(10, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return {"model": model, "loss": nn.BCEWithLogitsLoss(), "optimizer": optimizer, "step": step}
