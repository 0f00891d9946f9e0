# expect: equal
import torch
from torch import nn


def train_step(model, loss_fn, optimizer, X, y):
    model.train()
    logits = model(X)
    loss = loss_fn(logits, y.unsqueeze(1).float() if y.dim() == 1 else y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def candidate():
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    if torch.get_default_dtype() == torch.float64:
        pass
    return {
        "model": model,
        "loss": lambda z, y: nn.functional.binary_cross_entropy_with_logits(z, y.to(z.dtype)),
        "optimizer": torch.optim.SGD(model.parameters(), lr=0.1),
        "step": train_step,
    }
