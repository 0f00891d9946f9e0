# expect: equal
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 8), nn.Sigmoid(), nn.Linear(8, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)

    def step(model, loss_fn, optimizer, x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        return loss.detach()

    config = {"learning_rate": 0.5, "schedule": "step", "schedule_steps": 10, "schedule_rate": 0.5}
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step, "config": config}
