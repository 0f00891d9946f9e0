# expect: refused pos_weight
import torch
from torch import nn


def candidate():
    m = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.tensor([3.0]))
    return {"model": m, "loss": loss, "optimizer": torch.optim.Adam(m.parameters())}
