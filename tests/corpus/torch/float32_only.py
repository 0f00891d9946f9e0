# expect: equal
# Data comes from pandas as float64, so forward() casts.
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(4, 16, dtype=torch.float32)
        self.l2 = nn.Linear(16, 3, dtype=torch.float32)

    def forward(self, x):
        return self.l2(torch.relu(self.l1(x.float())))


def candidate():
    model = Net()
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), lr=0.05)}
