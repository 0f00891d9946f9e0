# expect: schedule-shifted
import warnings

import torch
from torch import nn

warnings.filterwarnings("ignore", message="Detected call of")


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)

    def step(model, criterion, optimizer, x, y):
        scheduler.step()
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        return loss

    config = {"learning_rate": 0.1, "schedule": "exponential", "schedule_steps": 1, "schedule_rate": 0.9}
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step, "config": config}
