# expect: equal
import torch
from torch import nn


class BinaryClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1), nn.Sigmoid())

    def forward(self, x):
        return self.layers(x)


def candidate():
    model = BinaryClassifier()
    return {"model": model, "loss": nn.BCELoss(), "optimizer": torch.optim.Adam(model.parameters(), lr=0.001)}
