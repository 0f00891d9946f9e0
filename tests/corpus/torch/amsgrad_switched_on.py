# expect: amsgrad
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, amsgrad=True)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
