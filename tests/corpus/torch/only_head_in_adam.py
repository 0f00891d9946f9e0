# expect: not-in-optimizer
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 12)
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        return self.head(torch.relu(self.body(x)))


def step(net, criterion, opt, x, y):
    net.zero_grad()
    loss = criterion(net(x), y)
    loss.backward()
    opt.step()
    return loss


def candidate():
    net = Net()
    opt = torch.optim.Adam(net.head.parameters(), lr=0.01)
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": opt, "step": step}
