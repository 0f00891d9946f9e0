# expect: refused LayerNorm
import torch
from torch import nn


def candidate():
    m = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))
    return {"model": m, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(m.parameters())}
