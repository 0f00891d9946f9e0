# expect: shapes-broadcast
import torch
from torch import nn


def step(net, loss_fn, optimizer, x, y):
    optimizer.zero_grad()
    loss = loss_fn(net(x), y.view(-1))
    loss.backward()
    optimizer.step()
    return loss.item()


def candidate():
    net = nn.Sequential(nn.Linear(10, 8), nn.ReLU(), nn.Linear(8, 1))
    return {"model": net, "loss": nn.MSELoss(), "optimizer": torch.optim.SGD(net.parameters(), lr=0.01), "step": step}
