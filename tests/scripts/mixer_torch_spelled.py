# port of mixer_torch.py; expect: equal
"""The same without a module: the products spelled as einsum and addmm, GELU and the cosine by hand."""
import math
import torch
import torch.nn.functional as F
torch.manual_seed(0)
gen = torch.Generator().manual_seed(5)
x = torch.rand(200, 8, generator=gen) * 2 - 1
y = torch.sin(x[:, 0] * x[:, 1]) + 0.1 * x[:, 2]
def lin(i, o):
    l = torch.nn.Linear(i, o)
    return [l.weight.detach().clone().requires_grad_(), l.bias.detach().clone().requires_grad_()]
P = {"stem": lin(8, 12)}
for b in range(2):
    P[f"ln{b}"] = [torch.ones(12, requires_grad=True), torch.zeros(12, requires_grad=True)]
    P[f"up{b}"], P[f"down{b}"] = lin(12, 48), lin(48, 12)
P["head"] = lin(12, 1)
params = [p for ps in P.values() for p in ps]
def net(h):
    h = F.linear(h, *P["stem"])
    for b in range(2):
        u = F.layer_norm(h, (12,), *P[f"ln{b}"])
        u = torch.einsum("bi,oi->bo", u, P[f"up{b}"][0]) + P[f"up{b}"][1]
        u = 0.5 * u * (1 + torch.erf(u / math.sqrt(2)))
        h = h + torch.addmm(P[f"down{b}"][1], u, P[f"down{b}"][0].T)
    return F.linear(h, *P["head"]).squeeze(-1)
opt = torch.optim.AdamW(params, lr=3e-3, weight_decay=0.01)
for step in range(50):
    for group in opt.param_groups:
        group["lr"] = 3e-3 * 0.5 * (1 + math.cos(math.pi * step / 50))
    i = (step * 40) % 200
    err = net(x[i:i + 40]) - y[i:i + 40]
    opt.zero_grad()
    err.square().mean().backward()
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    opt.step()
