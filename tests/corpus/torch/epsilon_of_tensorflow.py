# expect: epsilon-value
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(10, 10), nn.Tanh(), nn.Linear(10, 1), nn.Flatten(0))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01, eps=1e-7)
    return {"model": model, "loss": nn.MSELoss(), "optimizer": optimizer}
