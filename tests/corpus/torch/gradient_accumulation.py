# expect: gradients-accumulated
import torch
from torch import nn

ACCUMULATE = 4


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    batches = 0

    def step(model, criterion, optimizer, x, y):
        nonlocal batches
        loss = criterion(model(x), y)
        loss.backward()
        batches += 1
        if batches % ACCUMULATE == 0:
            optimizer.step()
            optimizer.zero_grad()
        return loss

    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step}
