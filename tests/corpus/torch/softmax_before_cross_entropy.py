# expect: activated-twice
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(4, 16)
        self.fc2 = nn.Linear(16, 3)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        x = torch.relu(self.fc1(x))
        return self.softmax(self.fc2(x))


def candidate():
    model = Net()
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(model.parameters(), lr=0.01)}
