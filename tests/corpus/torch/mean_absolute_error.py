# expect: equal
import torch
from torch import nn


def candidate():
    m = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1))
    return {"model": m, "loss": nn.L1Loss(), "optimizer": torch.optim.Adam(m.parameters())}
