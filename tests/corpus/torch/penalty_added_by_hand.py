# expect: penalty-in-loss
import torch
from torch import nn

L2 = 0.01


def step(model, criterion, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    for name, p in model.named_parameters():
        if "weight" in name:
            loss = loss + L2 / 2 * p.pow(2).sum()
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(13, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step,
            "config": {"weight_decay": L2}}  # fmt: skip
