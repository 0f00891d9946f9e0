# expect: targets-disordered-in-batch
import torch
from torch import nn

net = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)


def step(model, loss, optimizer, x, y):
    target = torch.roll(y, -1, 0)          # predict the next one
    pred = model(x).squeeze(1)
    l = loss(pred, target)
    optimizer.zero_grad()
    l.backward()
    optimizer.step()
    return l


def candidate():
    return {"model": net, "loss": nn.MSELoss(), "optimizer": opt, "step": step}
