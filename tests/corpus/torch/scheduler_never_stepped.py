# expect: schedule-forgotten
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    config = {"schedule": "exponential", "schedule_steps": 1, "schedule_rate": 0.9}
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": config}
