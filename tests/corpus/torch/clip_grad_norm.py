# expect: clip-epsilon
import torch
from torch import nn


def step(model, criterion, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=0.1)
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(13, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step,
            "config": {"clip_norm": 0.1}}  # fmt: skip
