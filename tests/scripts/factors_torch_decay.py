# port of factors_torch.py; expect: weight-decay, initialisation
"""The recommender with small first vectors and a decay."""
import torch
from torch import nn

torch.manual_seed(0)
g = torch.Generator().manual_seed(7)
users = torch.randint(0, 40, (600,), generator=g)
items = torch.randint(0, 30, (600,), generator=g)
ratings = 3.0 + torch.sin(users.float()) + torch.cos(items.float())


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.u, self.i = nn.Embedding(40, 6), nn.Embedding(30, 6)
        self.bu, self.bi = nn.Embedding(40, 1), nn.Embedding(30, 1)
        nn.init.normal_(self.u.weight, std=0.1)
        nn.init.normal_(self.i.weight, std=0.1)

    def forward(self, user, item):
        return ((self.u(user) * self.i(item)).sum(1, keepdim=True) + self.bu(user) + self.bi(item)).squeeze(1)


net = Model()
opt = torch.optim.Adam(net.parameters(), lr=0.02, weight_decay=1e-4)
for _ in range(5):
    for idx in torch.randperm(600).split(50):
        opt.zero_grad()
        nn.functional.mse_loss(net(users[idx], items[idx]), ratings[idx]).backward()
        opt.step()
