# port of factors_torch.py; expect: equal
"""The same recommender with plain tensors for tables, and batches cut from a permutation."""
import torch
import torch.nn.functional as F

generator = torch.Generator().manual_seed(7)
users = torch.randint(0, 40, (600,), generator=generator)
items = torch.randint(0, 30, (600,), generator=generator)
ratings = 3.0 + torch.sin(users.float()) + torch.cos(items.float())

torch.manual_seed(5)
P, Q = torch.nn.Parameter(torch.randn(40, 6)), torch.nn.Parameter(torch.randn(30, 6))
bu, bi = torch.nn.Parameter(torch.randn(40, 1)), torch.nn.Parameter(torch.randn(30, 1))


def predict(u, i):
    p, q = F.embedding(u, P), F.embedding(i, Q)
    return torch.einsum("bd,bd->b", p, q) + F.embedding(u, bu)[:, 0] + F.embedding(i, bi)[:, 0]


adam = torch.optim.Adam([P, Q, bu, bi], lr=2e-2)
for epoch in range(5):
    for batch in torch.randperm(600).split(50):
        loss = F.mse_loss(predict(users[batch], items[batch]), ratings[batch])
        adam.zero_grad(set_to_none=True)
        loss.backward()
        adam.step()
    print(epoch, loss.item())
