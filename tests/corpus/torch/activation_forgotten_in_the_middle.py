# expect: activation-of-layer
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(64, 48)
        self.fc2 = nn.Linear(48, 32)
        self.fc3 = nn.Linear(32, 24)
        self.fc4 = nn.Linear(24, 10)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        x = self.fc2(x)
        x = torch.relu(self.fc3(x))
        return self.fc4(x)


def candidate():
    m = Net()
    return {"model": m, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(m.parameters(), 0.1)}
