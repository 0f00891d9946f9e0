# port of attention_torch.py; expect: equal
import torch
import torch.nn as nn
import torch.nn.functional as F
torch.manual_seed(0)
X = torch.randn(64, 7, 8); y = (X.mean((1, 2)) > 0).long()


class Encoder(nn.Module):
    def __init__(self, d=8, h=2, ff=16):
        super().__init__()
        self.h = h
        self.qkv = nn.Linear(d, 3 * d)
        self.out = nn.Linear(d, d)
        self.ln1 = nn.LayerNorm(d)
        self.up, self.down = nn.Linear(d, ff), nn.Linear(ff, d)
        self.ln2 = nn.LayerNorm(d)
        self.head = nn.Linear(d, 2)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = [z.view(b, t, self.h, d // self.h).transpose(1, 2) for z in self.qkv(x).split(d, -1)]
        w = (q @ k.transpose(-2, -1) / (d // self.h) ** 0.5).softmax(-1)
        a = (w @ v).transpose(1, 2).reshape(b, t, d)
        x = self.ln1(x + self.out(a))
        x = self.ln2(x + self.down(self.up(x).relu()))
        return self.head(x.mean(1))


net = Encoder()
opt = torch.optim.Adam(net.parameters(), lr=1e-3)
for e in range(55):
    loss = F.cross_entropy(net(X), y)
    opt.zero_grad(); loss.backward(); opt.step()
