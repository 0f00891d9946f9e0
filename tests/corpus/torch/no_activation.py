# expect: other-activation
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 12)
        self.fc2 = nn.Linear(12, 3)
        self.relu = nn.ReLU()

    def forward(self, x):
        x = self.fc1(x)
        return self.fc2(x)


def candidate():
    net = Net()
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(net.parameters(), lr=0.1)}
