# expect: loss-factor
import torch
from torch import nn


def half_mse(y_pred, y_true):
    return 0.5 * ((y_pred.reshape(-1) - y_true.reshape(-1)) ** 2).mean()


def candidate():
    model = nn.Sequential(nn.Linear(10, 12), nn.ReLU(), nn.Linear(12, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
    return {"model": model, "loss": half_mse, "optimizer": optimizer, "config": {"loss": "mse"}}
