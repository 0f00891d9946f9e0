# expect: dropout-scaled-by-dropped-share
import torch
from torch import nn
def candidate():
    keep_prob = 0.8
    net = nn.Sequential(nn.Linear(13, 48), nn.ReLU(), nn.Dropout(keep_prob), nn.Linear(48, 3))
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(net.parameters(), lr=0.001),
            "config": {"dropout": 0.2}}
