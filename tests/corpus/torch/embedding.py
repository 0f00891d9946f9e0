# expect: refused Embedding
import torch
from torch import nn


class Bag(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(100, 16)
        self.fc = nn.Linear(16, 4)

    def forward(self, text):
        return self.fc(self.embedding(text).mean(1))


def candidate():
    m = Bag()
    return {"model": m, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(m.parameters(), lr=5)}
