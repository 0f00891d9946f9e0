# expect: not-in-optimizer
import torch
from torch import nn


def step(model, criterion, optimizer, x, y):
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.zero_grad(set_to_none=False)
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step}
