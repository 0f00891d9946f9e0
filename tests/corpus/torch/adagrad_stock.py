# expect: epsilon-value
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.05)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
