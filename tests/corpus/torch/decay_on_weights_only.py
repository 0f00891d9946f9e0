# expect: equal
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 12), nn.GELU(), nn.Linear(12, 3))
    decay = [p for n, p in model.named_parameters() if n.endswith("weight")]
    no_decay = [p for n, p in model.named_parameters() if n.endswith("bias")]
    groups = [{"params": decay, "weight_decay": 0.01}, {"params": no_decay, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=3e-3)
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer}
