# expect: activated-twice + gradients-not-zeroed
import torch
from torch import nn


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3), nn.Softmax(dim=-1))

    def forward(self, x):
        return self.net(x)


def step(model, criterion, optimizer, x, y):
    loss = criterion(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = Classifier()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "step": step}
