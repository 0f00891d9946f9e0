# expect: rmsprop-centred
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.RMSprop(model.parameters(), lr=1e-3, centered=True)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
