# expect: schedule-unnamed
import torch
from torch import nn

seen = 0


def step(model, criterion, optimizer, x, y):
    global seen
    if seen == 12:
        for group in optimizer.param_groups:
            group["lr"] *= 0.1
    seen += 1
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step}
