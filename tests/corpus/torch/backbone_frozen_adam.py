# expect: frozen
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    model[0].requires_grad_(False)
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=0.01)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
