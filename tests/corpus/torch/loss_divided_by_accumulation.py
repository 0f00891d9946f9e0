# expect: loss-factor
import torch
from torch import nn

ACCUMULATION_STEPS = 4  # left from gradient accumulation


def step(model, criterion, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y) / ACCUMULATION_STEPS
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step}
