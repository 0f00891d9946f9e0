# port of regression_torch.py; expect: equal
"""The same fit with parameters and momentum of its own."""
import numpy as np
import torch

rng = np.random.default_rng(3)
x = rng.uniform(-2, 2, size=(120, 3))
target = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=120)
X = torch.tensor(x, dtype=torch.float32)
Y = torch.tensor(target, dtype=torch.float32)[:, None]

bound1, bound2 = 1 / 3**0.5, 1 / 24**0.5
w1 = torch.empty(3, 24).uniform_(-bound1, bound1).requires_grad_()
b1 = torch.empty(24).uniform_(-bound1, bound1).requires_grad_()
w2 = torch.empty(24, 1).uniform_(-bound2, bound2).requires_grad_()
b2 = torch.empty(1).uniform_(-bound2, bound2).requires_grad_()
params = [w1, b1, w2, b2]
velocity = [torch.zeros_like(p) for p in params]

for step in range(200):
    hidden = torch.tanh(X @ w1 + b1)
    prediction = hidden @ w2 + b2
    loss = ((prediction - Y) ** 2).mean()
    loss.backward()
    with torch.no_grad():
        for p, v in zip(params, velocity):
            v.mul_(0.9).add_(p.grad)
            p -= 0.05 * v
            p.grad.zero_()
print(loss.item())
