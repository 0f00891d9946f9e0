# expect: norm-epsilon
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(13, 12), nn.BatchNorm1d(12, eps=1e-3), nn.ReLU(), nn.Linear(12, 3))
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), lr=0.05)}
