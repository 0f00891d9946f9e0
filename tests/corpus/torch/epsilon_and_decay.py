# expect: epsilon-value + decay-on-biases
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))
    return {"model": net, "loss": nn.CrossEntropyLoss(), "optimizer": torch.optim.Adam(net.parameters(), lr=0.01, eps=1e-6, weight_decay=0.01)}
