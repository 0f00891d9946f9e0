# expect: gradients-not-zeroed
import torch
from torch import nn


def step(model, criterion, optimizer, x, y):
    output = model(x)
    loss = criterion(output, y)
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step}
