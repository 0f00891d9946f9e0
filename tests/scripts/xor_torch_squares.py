# port of xor_numpy.py; expect: loss-function
"""XOR in PyTorch."""
import numpy as np
import torch
from torch import nn

X = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
y = np.array([[0], [1], [1], [0]])
inputs, targets = torch.tensor(X, dtype=torch.float32), torch.tensor(y, dtype=torch.float32)
model = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1), nn.Sigmoid())
for layer in (model[0], model[2]):
    nn.init.normal_(layer.weight)
    nn.init.zeros_(layer.bias)
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
for epoch in range(300):
    loss = nn.functional.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(model(inputs).detach().numpy().round(2))
