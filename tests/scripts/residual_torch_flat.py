# port of residual_torch.py; expect: equal
"""The residual network as one function over a dictionary of layers."""
import math

import torch
import torch.nn.functional as F
from sklearn import datasets

patients = datasets.load_diabetes()
x = torch.tensor(patients.data, dtype=torch.float) * 20
t = torch.tensor((patients.target - patients.target.mean()) / patients.target.std(), dtype=torch.float)

torch.manual_seed(17)
layers = torch.nn.ModuleDict({"stem": torch.nn.Linear(10, 16)})
for k in "01":
    layers["norm" + k] = torch.nn.LayerNorm(16)
    layers["up" + k] = torch.nn.Linear(16, 32)
    layers["down" + k] = torch.nn.Linear(32, 16)
layers["last"], layers["out"] = torch.nn.LayerNorm(16), torch.nn.Linear(16, 1)


def network(x, training):
    h = layers["stem"](x)
    for k in "01":
        z = layers["up" + k](layers["norm" + k](h))
        z = layers["down" + k](0.5 * z * (1 + torch.erf(z / math.sqrt(2))))
        h = F.dropout(z, 0.1, training) + h
    return layers["out"](layers["last"](h)).squeeze(-1)


parameters = list(layers.parameters())
optimizer = torch.optim.AdamW(parameters, lr=0.003, weight_decay=0.05)
step = 0
for epoch in range(8):
    for rows in torch.arange(442).split(64):
        for group in optimizer.param_groups:
            group["lr"] = 0.003 * (1 + math.cos(math.pi * step / 40)) / 2
        optimizer.zero_grad()
        F.smooth_l1_loss(network(x[rows], True), t[rows]).backward()
        torch.nn.utils.clip_grad_norm_(parameters, max_norm=1.0)
        optimizer.step()
        step += 1
    with torch.no_grad():
        print(f"epoch {epoch}: {F.smooth_l1_loss(network(x, False), t):.4f}")
