# expect: nadam
import torch
from torch import nn


def candidate():
    m = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    return {"model": m, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.NAdam(m.parameters(), lr=0.002)}
