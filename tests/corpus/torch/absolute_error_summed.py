# expect: loss-reduction
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 1), nn.Flatten(0))
    loss_fn = nn.L1Loss(reduction="sum")
    return {"model": model, "loss": loss_fn, "optimizer": torch.optim.SGD(model.parameters(), lr=1e-4)}
