# expect: refused Dropout at 0.2 of its inputs
import torch
from torch import nn


def candidate():
    m = nn.Sequential(nn.Dropout(0.2), nn.Linear(4, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
    return {"model": m, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(m.parameters(), lr=0.1)}
