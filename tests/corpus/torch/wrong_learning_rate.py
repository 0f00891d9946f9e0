# expect: learning-rate
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": {"learning_rate": 0.01}}
