# expect: equal
import torch
import torch.nn.functional as F
from torch import nn


class Net(nn.Module):
    """Tanh first, then GELU, and the dropout only where the layer is wide."""

    def __init__(self, n_features=30):
        super().__init__()
        self.fc1 = nn.Linear(n_features, 24)
        self.fc2 = nn.Linear(24, 12)
        self.fc3 = nn.Linear(12, 6)
        self.out = nn.Linear(6, 1)

    def forward(self, x):
        x = F.dropout(torch.tanh(self.fc1(x)), p=0.4, training=self.training)
        x = F.gelu(self.fc2(x))
        x = F.dropout(F.relu(self.fc3(x)), p=0.1, training=self.training)
        return self.out(x)


def train_step(model, criterion, optimizer, x, y):
    model.train()
    optimizer.zero_grad()
    loss = criterion(model(x), y.unsqueeze(1))
    loss.backward()
    optimizer.step()
    return loss.item()


def candidate():
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return {"model": model, "loss": nn.BCEWithLogitsLoss(), "optimizer": optimizer, "step": train_step}
