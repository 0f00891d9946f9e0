# expect: epsilon-value
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(net.parameters(), lr=0.01, eps=3e-7)}
