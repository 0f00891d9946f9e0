# original
"""Recommend: users and items as vectors, a rating as their product and two offsets."""
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(0)
N_USERS, N_ITEMS, DIM = 40, 30, 6


class Ratings(Dataset):
    def __init__(self, n=600):
        g = torch.Generator().manual_seed(7)
        self.users = torch.randint(0, N_USERS, (n,), generator=g)
        self.items = torch.randint(0, N_ITEMS, (n,), generator=g)
        self.ratings = 3.0 + torch.sin(self.users.float()) + torch.cos(self.items.float())

    def __len__(self):
        return len(self.users)

    def __getitem__(self, i):
        return self.users[i], self.items[i], self.ratings[i]


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.user = nn.Embedding(N_USERS, DIM)
        self.item = nn.Embedding(N_ITEMS, DIM)
        self.user_bias = nn.Embedding(N_USERS, 1)
        self.item_bias = nn.Embedding(N_ITEMS, 1)

    def forward(self, u, i):
        dot = (self.user(u) * self.item(i)).sum(dim=1)
        return dot + self.user_bias(u).squeeze(-1) + self.item_bias(i).squeeze(-1)


model = Factors()
optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
criterion = nn.MSELoss()
for epoch in range(5):
    total = 0.0
    for u, i, r in DataLoader(Ratings(), batch_size=50, shuffle=True):
        optimizer.zero_grad()
        loss = criterion(model(u, i), r)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(r)
    print(f"{epoch}: {total / 600:.4f}")
