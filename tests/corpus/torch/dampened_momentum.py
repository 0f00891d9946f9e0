# expect: momentum-dampened
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 10), nn.Tanh(), nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, dampening=0.9)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
