# port of blocks_torch.py; expect: equal
"""The same written flat, with parameters in a dict and F.* calls."""
import math
import torch
import torch.nn.functional as F

gen = torch.Generator().manual_seed(5)
data = torch.randn(240, 8, generator=gen)
labels = (data[:, 0] + data[:, 1] * data[:, 2] > 0).long() + (data[:, 3] > 1).long()


def linear(n_in, n_out, bias=True):
    k = 1 / math.sqrt(n_in)
    w = torch.empty(n_out, n_in).uniform_(-k, k).requires_grad_()
    b = torch.empty(n_out).uniform_(-k, k).requires_grad_() if bias else None
    return w, b


def norm(n):
    return torch.ones(n, requires_grad=True), torch.zeros(n, requires_grad=True)


P = {"stem": linear(8, 16)}
for i in range(3):
    P[f"n{i}"], P[f"in{i}"], P[f"out{i}"] = norm(16), linear(16, 64), linear(64, 16, False)
P["norm"], P["head"] = norm(16), linear(16, 3)
flat = [t for pair in P.values() for t in pair if t is not None]


def forward(x):
    h = F.linear(x, *P["stem"])
    for i in range(3):
        r = F.layer_norm(h, (16,), *P[f"n{i}"])
        r = F.gelu(F.linear(r, *P[f"in{i}"]))
        h = h + F.linear(r, *P[f"out{i}"])
    return F.linear(F.layer_norm(h, (16,), *P["norm"]), *P["head"])


opt = torch.optim.AdamW(flat, lr=3e-3, weight_decay=0.05, betas=(0.9, 0.95))
step = 0
for epoch in range(15):
    for idx in torch.randperm(240).split(40):
        for group in opt.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 10) * 0.5 * (1 + math.cos(math.pi * step / 120))
        loss = F.cross_entropy(forward(data[idx]), labels[idx])
        opt.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(flat, max_norm=1.0)
        opt.step()
        step += 1
print("done", loss.item())
