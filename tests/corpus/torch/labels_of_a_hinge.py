# expect: targets-changed
import torch
from torch import nn
def candidate():
    net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))
    def loss(out, y):
        return nn.functional.binary_cross_entropy_with_logits(out.squeeze(1), 2 * y - 1)
    return {"model": net, "loss": loss, "optimizer": torch.optim.SGD(net.parameters(), lr=0.05)}
