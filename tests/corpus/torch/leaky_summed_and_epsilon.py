# expect: leaky-slope + loss-reduction + epsilon-value
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(13, 10), nn.LeakyReLU(0.3), nn.Linear(10, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, eps=1e-7)
    return {"model": model, "loss": nn.CrossEntropyLoss(reduction="sum"), "optimizer": optimizer}
