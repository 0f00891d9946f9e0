# expect: other-activation
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.Tanh(), nn.Linear(12, 12), nn.Tanh(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    config = {"activation": "relu"}  # the paper's
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": config}
