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


def candidate():
    net = Net()
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(net.head.parameters(), lr=0.1)}
