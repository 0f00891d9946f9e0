# expect: decay-on-biases
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(13, 10), nn.ReLU(), nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=5e-4)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
