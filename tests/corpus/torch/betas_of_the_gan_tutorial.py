# expect: adam-betas
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, betas=(0.5, 0.999))
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": {"beta1": 0.9}}
