# original
"""Residual blocks with layer normalisation, the rate on a cosine."""
import torch
from torch import nn
torch.manual_seed(0)
g = torch.Generator().manual_seed(5)
x = torch.rand(200, 8, generator=g) * 2 - 1
y = (x[:, :1] * x[:, 1:2]).sin() + 0.1 * x[:, 2:3]
class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.up, self.down = nn.Linear(d, 4 * d), nn.Linear(4 * d, d)
    def forward(self, h):
        return h + self.down(nn.functional.gelu(self.up(self.norm(h))))
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(8, 12)
        self.blocks = nn.Sequential(*[Block(12) for _ in range(2)])
        self.head = nn.Linear(12, 1)
    def forward(self, x):
        return self.head(self.blocks(self.stem(x)))
net = Net()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.01)
sched = torch.optim.lr_scheduler.CosineAnnealingLR(opt, T_max=50)
for step in range(50):
    i = (step * 40) % 200
    loss = ((net(x[i:i + 40]) - y[i:i + 40]) ** 2).mean()
    opt.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
    opt.step(); sched.step()
