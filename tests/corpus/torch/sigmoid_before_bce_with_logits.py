# expect: activated-twice
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(30, 8), nn.ReLU(), nn.Linear(8, 1), nn.Sigmoid(), nn.Flatten(0))
    loss = nn.BCEWithLogitsLoss()
    return {"model": model, "loss": loss, "optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}
