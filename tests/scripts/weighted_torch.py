# port of weighted_keras.py; expect: initialisation
import numpy as np
import torch
from torch import nn
from sklearn.datasets import make_classification

X, y = make_classification(400, 12, weights=[0.8], random_state=1)
counts = np.bincount(y)
w = torch.tensor(len(y) / (2 * counts), dtype=torch.float32)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
net = nn.Sequential(nn.Linear(12, 16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.01)
bce = nn.BCEWithLogitsLoss(reduction="none")
for epoch in range(8):
    for xb, yb in zip(X.split(50), y.split(50)):
        losses = bce(net(xb).squeeze(1), yb.float())
        loss = (w[yb] * losses).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
