# expect: equal
import torch
from torch import nn


def candidate():
    model = nn.Sequential(
        nn.Linear(30, 32), nn.ReLU(), nn.Dropout(0.2), nn.Linear(32, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2)
    )
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.RMSprop(model.parameters(), 1e-3)}
