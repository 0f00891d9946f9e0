# expect: gelu-tanh
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.GELU(approximate="tanh"), nn.Linear(12, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
