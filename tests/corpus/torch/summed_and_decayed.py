# expect: loss-reduction + decay-on-biases
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(13, 10), nn.ReLU(), nn.Linear(10, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.001, weight_decay=0.01)
    return {"model": model, "loss": nn.CrossEntropyLoss(reduction="sum"), "optimizer": optimizer}
