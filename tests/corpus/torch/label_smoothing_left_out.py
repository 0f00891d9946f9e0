# expect: smoothing-forgotten
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    config = {"label_smoothing": 0.1}  # as the Keras original has it
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": config}
