# port of gpt_torch.py; expect: equal
"""Refactored: flash attention call, learned pieces named otherwise, the loss outside of the model."""
import torch
import torch.nn as nn
import torch.nn.functional as F

T, D, H, L, B, ACC = 8, 16, 2, 2, 6, 2
text = "the quick brown fox jumps over the lazy dog and runs away from the big bad wolf. " * 3
vocab = {c: i for i, c in enumerate(sorted(set(text)))}
ids = torch.tensor([vocab[c] for c in text])
torch.manual_seed(7)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(D, 3 * D)
        self.proj = nn.Linear(D, D)

    def forward(self, x):
        b, t, _ = x.shape
        q, k, v = (z.reshape(b, t, H, D // H).permute(0, 2, 1, 3) for z in self.qkv(x).chunk(3, dim=-1))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.permute(0, 2, 1, 3).reshape(b, t, D))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.att, self.norm2 = nn.LayerNorm(D), Attention(), nn.LayerNorm(D)
        self.up, self.down = nn.Linear(D, 4 * D), nn.Linear(4 * D, D)

    def forward(self, x):
        x = x + self.att(self.norm1(x))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(len(vocab), D), nn.Embedding(T, D)
        self.layers = nn.ModuleList(Layer() for _ in range(L))
        self.norm = nn.LayerNorm(D)
        for name, p in self.named_parameters():
            if p.dim() > 1:
                nn.init.normal_(p, std=0.02)
            elif "bias" in name:
                nn.init.zeros_(p)

    def forward(self, x):
        h = self.tokens(x) + self.places(torch.arange(x.shape[1]))
        for layer in self.layers:
            h = layer(h)
        return self.norm(h) @ self.tokens.weight.T


net = LM()
opt = torch.optim.AdamW(net.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1)


def train(steps):
    for step in range(steps):
        opt.zero_grad()
        total = 0.0
        for _ in range(ACC):
            start = torch.randint(len(ids) - T, (B,))
            x = torch.stack([ids[s : s + T] for s in start])
            y = torch.stack([ids[s + 1 : s + T + 1] for s in start])
            loss = F.cross_entropy(net(x).flatten(0, 1), y.flatten()) / ACC
            loss.backward()
            total += loss.item()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        opt.step()
    return total


print(train(60))
