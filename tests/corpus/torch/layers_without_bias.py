# expect: no-biases
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(13, 8, bias=False), nn.ReLU(), nn.Linear(8, 3, bias=False))
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}
