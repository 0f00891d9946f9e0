# expect: norm-epsilon + norm-momentum
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(13, 16), nn.BatchNorm1d(16, eps=2e-3, momentum=0.2), nn.ReLU(), nn.Linear(16, 3))
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.SGD(net.parameters(), lr=0.1)}
