# expect: class-weights-forgotten
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    config = {"class_weights": (1.0, 2.0, 4.0)}
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": config}
