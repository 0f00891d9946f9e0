# expect: targets-disordered-in-batch
import torch
from torch import nn

net = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
crit = nn.CrossEntropyLoss()
opt = torch.optim.SGD(net.parameters(), lr=0.1)


def step(model, loss, optimizer, x, y):
    x = x[torch.randperm(len(x))]
    optimizer.zero_grad()
    out = model(x)
    l = loss(out, y)
    l.backward()
    optimizer.step()
    return l


def candidate():
    return {"model": net, "loss": crit, "optimizer": opt, "step": step}
