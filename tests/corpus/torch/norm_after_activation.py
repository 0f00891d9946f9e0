# expect: refused batch normalisation after an activation
import torch
from torch import nn


def candidate():
    m = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.BatchNorm1d(16), nn.Linear(16, 3))
    return {"model": m, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(m.parameters())}
