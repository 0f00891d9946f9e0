# expect: equal
import torch
from torch import nn


def step(model, criterion, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    torch.nn.utils.clip_grad_value_(model.parameters(), 0.05)
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(13, 10), nn.SiLU(), nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step,
            "config": {"clip_value": 0.05}}  # fmt: skip
