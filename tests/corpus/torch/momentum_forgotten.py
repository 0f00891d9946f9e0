# expect: momentum-value
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.5)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": {"momentum": 0.9}}
