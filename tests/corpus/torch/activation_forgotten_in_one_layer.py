# expect: activation-of-layer
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(13, 20)
        self.l2 = nn.Linear(20, 10)
        self.l3 = nn.Linear(10, 3)

    def forward(self, x):
        x = torch.tanh(self.l1(x))
        x = self.l2(x)
        return self.l3(x)


def candidate():
    net = Classifier()
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(net.parameters(), lr=0.1)}
