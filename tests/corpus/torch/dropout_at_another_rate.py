# expect: dropout-rate
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(13, 48), nn.ReLU(), nn.Dropout(0.35), nn.Linear(48, 3))
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(net.parameters(), lr=0.001),
            "config": {"dropout": 0.2}}
