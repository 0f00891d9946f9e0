# expect: shapes-broadcast
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(10, 8), nn.Tanh(), nn.Linear(8, 1))
    y = torch.zeros(32)  # df["target"].values is (N,)
    return {"model": model, "loss": nn.MSELoss(), "optimizer": torch.optim.Adam(model.parameters(), lr=0.01), "y": y}
