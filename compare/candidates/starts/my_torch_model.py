"""A PyTorch model to hold against the reference: python compare/check.py my_torch_model.py

Put your own in the place of the three lines. The reference takes its sizes, activation, loss, optimizer and learning
rate from what you return, and the same data and initial weights are put into both.
"""

import torch
from torch import nn


def step(model, loss, optimizer, x, y):
    """Your training step; x is (B, inputs), y is (B,): class ids (int64), or numbers. Leave it out for just this."""
    optimizer.zero_grad()
    value = loss(model(x), y)
    value.backward()
    optimizer.step()
    return value  # The loss before the update; without it, the last that `loss` gave.


def candidate():
    model = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 3))
    loss = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    return {
        "model": model,
        "loss": loss,
        "optimizer": optimizer,
        "step": step,
        # "layers": [model[0], model[2]],  # The dense layers in order, where they cannot be told.
        # "predict": lambda model, x: ...,  # How you predict, with the mode that you set; compared too.
        # "y": batch_of_targets,  # An example, where their shape matters: (B,) or (B, 1).
        # "config": {"activation": "relu"},  # Fields of the reference's Config that cannot be told.
    }
