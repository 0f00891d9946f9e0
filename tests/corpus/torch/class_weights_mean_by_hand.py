# expect: class-weights-by-count
import torch
import torch.nn.functional as F
from torch import nn

weights = [1.0, 2.0, 4.0]


def weighted_loss(logits, y):
    w = torch.tensor(weights, dtype=logits.dtype)[y]
    return (w * F.cross_entropy(logits, y, reduction="none")).mean()


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"model": model, "loss": weighted_loss, "optimizer": optimizer, "config": {"class_weights": tuple(weights)}}
