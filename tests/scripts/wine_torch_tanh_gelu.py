# port of wine_torch.py; expect: approximation, label-smoothing
"""Wine with the other GELU, and smoothed labels."""
import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(3)
data, classes = load_wine(return_X_y=True)
X = torch.tensor((data - data.mean(0)) / data.std(0), dtype=torch.float32)
y = torch.tensor(classes)

net = nn.Sequential(nn.Linear(13, 16), nn.GELU(approximate="tanh"), nn.Linear(16, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)

for epoch in range(14):
    for i in range(0, len(X), 48):
        loss = criterion(net(X[i : i + 48]), y[i : i + 48])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
print(loss.item())
