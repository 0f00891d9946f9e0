"""64-32-10 on digits in PyTorch.

Equal to the reference to 4e-16 over 50 steps in float64.
"""

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

# Data: handwritten digits, 8x8 pixels of 0 to 16
x, y = load_digits(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x / 16, y, test_size=0.25, random_state=0, stratify=y)
torch.set_default_dtype(torch.float64)  # equal: 15 digits
x_train, x_test = torch.tensor(x_train).double(), torch.tensor(x_test).double()  # equal: 15 digits
y_train, y_test = torch.tensor(y_train), torch.tensor(y_test)

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = rng.normal(0, np.sqrt(2 / 64), (64, 32)), np.zeros(32)  # equal: shared
W2, b2 = rng.normal(0, np.sqrt(2 / 32), (32, 10)), np.zeros(10)  # equal: shared

# Forward
net = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
for p, start in zip(net.parameters(), [W1, b1, W2, b2], strict=True):  # equal: it keeps W as (out, in)
    p.data = torch.tensor(start.T)

# Loss
loss_function = nn.CrossEntropyLoss()

# Update: adam
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

# Loop
for _ in range(5):
    order = rng.permutation(len(x_train))  # equal: the same order in all
    for batch in torch.tensor(order).split(32):  # equal: the same order in all
        optimizer.zero_grad()
        loss = loss_function(net(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()

# Evaluation
with torch.no_grad():
    z = net(x_test)
print(f"test loss {loss_function(z, y_test):.6f}, accuracy {(z.argmax(axis=1) == y_test).float().mean():.4f}")
