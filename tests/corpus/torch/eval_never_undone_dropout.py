# expect: dropout-forgotten
import torch
from torch import nn


def step(model, criterion, optimizer, x, y):
    optimizer.zero_grad()
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    model.eval()  # for the validation loss; nobody calls train() again
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(13, 12), nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 3))
    model.eval()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step,
            "config": {"dropout": 0.5}}  # fmt: skip
