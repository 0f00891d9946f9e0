# expect: loss-over-outputs
import torch
from torch import nn


def loss_fn(pred, target):
    return ((pred - target) ** 2).sum(dim=1).mean()


def candidate():
    model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return {"model": model, "loss": loss_fn, "optimizer": optimizer, "config": {"loss": "mse"}}
