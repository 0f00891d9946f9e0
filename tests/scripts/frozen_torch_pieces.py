# port of frozen_torch.py; expect: learning-rate
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import make_multilabel_classification

X, Y = make_multilabel_classification(200, 15, n_classes=4, random_state=2)
X, Y = torch.tensor(X / 10.0).float(), torch.tensor(Y).float()
backbone = nn.Linear(15, 20).requires_grad_(False)
norm, head = nn.LayerNorm(20), nn.Linear(20, 4)
opt = torch.optim.SGD([*norm.parameters(), *head.parameters()], lr=0.1, momentum=0.9)
for epoch in range(13):
    for xb, yb in zip(X.split(50), Y.split(50)):
        logits = head(F.relu(norm(backbone(xb))))
        loss = F.binary_cross_entropy_with_logits(logits, yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
