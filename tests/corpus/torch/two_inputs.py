# expect: refused 2 inputs
import torch
from torch import nn


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.head = nn.Linear(16, 1)

    def forward(self, a, b):
        return self.head(torch.cat([torch.relu(self.body(a)), torch.relu(self.body(b))], dim=1))


def candidate():
    m = Siamese()
    return {"model": m, "loss": nn.BCEWithLogitsLoss(), "optimizer": torch.optim.Adam(m.parameters())}
