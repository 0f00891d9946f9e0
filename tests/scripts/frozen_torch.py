# original
"""Multi-label, frozen feature layer, two parameter groups."""
import torch
import torch.nn as nn
from sklearn.datasets import make_multilabel_classification

X, Y = make_multilabel_classification(200, 15, n_classes=4, random_state=2)
X, Y = torch.tensor(X / 10.0).float(), torch.tensor(Y).float()
torch.manual_seed(9)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = nn.Linear(15, 20)
        self.norm = nn.LayerNorm(20)
        self.head = nn.Linear(20, 4)

    def forward(self, x):
        return self.head(torch.relu(self.norm(self.backbone(x))))


net = Net()
for p in net.backbone.parameters():
    p.requires_grad = False
opt = torch.optim.SGD([{"params": net.norm.parameters(), "lr": 0.01}, {"params": net.head.parameters()}], lr=0.1, momentum=0.9)
crit = nn.BCEWithLogitsLoss()
for epoch in range(13):
    for i in range(0, 200, 50):
        opt.zero_grad()
        crit(net(X[i : i + 50]), Y[i : i + 50]).backward()
        opt.step()
