# expect: loss-reduction
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 10), nn.Tanh(), nn.Linear(10, 3))
    criterion = nn.CrossEntropyLoss(reduction="sum")
    return {"model": model, "loss": criterion, "optimizer": torch.optim.SGD(model.parameters(), lr=0.001)}
