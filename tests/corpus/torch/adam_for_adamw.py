# expect: decay-coupled + decay-on-biases
import torch
from torch import nn


def candidate():
    model = nn.Sequential(nn.Linear(4, 10), nn.ReLU(), nn.Linear(10, 3))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001, weight_decay=0.01)  # Keras' AdamW(0.001, 0.01)
    config = {"optimizer": "adamw", "weight_decay": 0.01}
    return {"model": model, "loss": nn.CrossEntropyLoss(), "optimizer": optimizer, "config": config}
