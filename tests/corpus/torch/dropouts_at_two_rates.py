# expect: equal
import torch
from torch import nn
def candidate():
    m = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Dropout(0.5), nn.Linear(10, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    return {"model": m, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(m.parameters(), lr=0.1)}
