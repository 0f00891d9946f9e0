# expect: norm-running-in-training
import torch
from torch import nn


def step(model, criterion, optimizer, x, y):
    model.eval()
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(13, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step}
