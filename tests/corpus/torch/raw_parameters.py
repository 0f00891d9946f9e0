# expect: equal
import torch
from torch import nn


class LogisticMLP(nn.Module):
    """No nn.Linear: the weights are our own."""

    def __init__(self, n_in=4, n_hidden=12, n_out=3):
        super().__init__()
        self.W1 = nn.Parameter(torch.randn(n_in, n_hidden) * 0.1)
        self.b1 = nn.Parameter(torch.zeros(n_hidden))
        self.W2 = nn.Parameter(torch.randn(n_hidden, n_out) * 0.1)
        self.b2 = nn.Parameter(torch.zeros(n_out))

    def forward(self, x):
        h = torch.relu(x @ self.W1 + self.b1)
        return h @ self.W2 + self.b2


def candidate():
    model = LogisticMLP()
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(model.parameters(), lr=0.1)}
