# expect: shapes-broadcast
import torch
import torch.nn.functional as F
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step(model, loss_fn, optimizer, x, y):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y.view(-1))
        loss.backward()
        optimizer.step()
        return loss

    return {"model": model, "loss": F.l1_loss, "optimizer": optimizer, "step": step}
