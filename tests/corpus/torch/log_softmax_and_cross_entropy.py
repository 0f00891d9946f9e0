# expect: equal
# Redundant, but log_softmax of a log_softmax is the same again.
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(4, 10)
        self.b = nn.Linear(10, 3)

    def forward(self, x):
        return F.log_softmax(self.b(torch.tanh(self.a(x))), dim=-1)


def candidate():
    m = Net()
    return {"model": m, "loss": F.cross_entropy, "optimizer": torch.optim.SGD(m.parameters(), 0.1)}
