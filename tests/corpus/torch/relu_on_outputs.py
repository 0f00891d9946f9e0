# expect: activated-outputs
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(10, 16), nn.Linear(16, 16), nn.Linear(16, 1)])

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
        return x.squeeze(1)


def candidate():
    net = Net()
    return {"model": net, "loss": nn.MSELoss(), "optimizer": torch.optim.SGD(net.parameters(), lr=0.01)}
