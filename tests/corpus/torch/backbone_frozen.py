# expect: frozen
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3))
    for p in model[0].parameters():
        p.requires_grad = False
    optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.05)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
