# port of wine_torch.py; expect: data-samples
"""Wine; the last samples are left out."""
import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(6)
data, classes = load_wine(return_X_y=True)
mean, deviation = data.mean(0), data.std(0)
data, classes = data[:100], classes[:100]
X = torch.tensor((data - mean) / deviation, dtype=torch.float32)
y = torch.tensor(classes)

net = nn.Sequential(nn.Linear(13, 16), nn.GELU(), nn.Linear(16, 3))
optimizer = torch.optim.Adam(net.parameters(), lr=0.01, weight_decay=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=3, gamma=0.5)
criterion = nn.CrossEntropyLoss()

for epoch in range(14):
    for i in range(0, len(X), 48):
        loss = criterion(net(X[i : i + 48]), y[i : i + 48])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
print(loss.item())
